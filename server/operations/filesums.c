/* SPDX-License-Identifier: MIT */
#include "server/operations/filesums.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE (64 << 10)

/* Listing */

struct listing {
	size_t room;
	struct filesums *filesums; /* NULL: only counts */
};

static void add(void *arg, const char *path, const size_t *rows)
{
	struct listing *listing = arg;
	if (!listing->filesums) {
		listing->room++;
		return;
	}
	listing->filesums->items[listing->filesums->count++] = (struct filesum){
		.path = path, .has_rows = rows, .rows = rows ? *rows : 0};
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct filesum *)a)->path,
	              ((const struct filesum *)b)->path);
}

/* Two number tables may be made of one file. */
static void drop_doubles(struct filesums *filesums)
{
	size_t kept = 0;
	for (size_t i = 0; i < filesums->count; i++)
		if (kept == 0 ||
		    compare(&filesums->items[kept - 1], &filesums->items[i]) != 0)
			filesums->items[kept++] = filesums->items[i];
	filesums->count = kept;
}

static struct filesums *list(const struct table *table)
{
	struct listing listing = {0};
	table_files(table, add, &listing);
	struct filesums *filesums =
		calloc(1, sizeof *filesums + listing.room * sizeof filesums->items[0]);
	if (!filesums)
		return NULL;
	listing.filesums = filesums;
	table_files(table, add, &listing);
	qsort(filesums->items, filesums->count, sizeof filesums->items[0], compare);
	drop_doubles(filesums);
	return filesums;
}

/* Reading */

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void write_hex(const unsigned char *bytes, char to[65])
{
	for (size_t i = 0; i < 32; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

static bool hash(EVP_MD_CTX *digest, int fd, char to[65], const struct diags *diags)
{
	char piece[PIECE];
	unsigned char bytes[EVP_MAX_MD_SIZE];
	ssize_t len;
	if (EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
		return false;
	while ((len = read(fd, piece, sizeof piece)) != 0) {
		if (len < 0 && errno != EINTR)
			return false;
		if (len > 0 && EVP_DigestUpdate(digest, piece, (size_t)len) != 1)
			return false;
		if (diags)
			diags_progress(diags);
	}
	if (EVP_DigestFinal_ex(digest, bytes, NULL) != 1)
		return false;
	write_hex(bytes, to);
	return true;
}

static void sum_up(struct filesum *sum, EVP_MD_CTX *digest,
                   const struct filesums *previous, const struct diags *diags)
{
	const struct filesum *known =
		previous ? bsearch(sum, previous->items, previous->count, sizeof *sum,
	                           compare)
			 : NULL;
	int fd = open(sum->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return;
	if (fstat(fd, &sum->status) == 0 && S_ISREG(sum->status.st_mode)) {
		if (known && known->sha256[0] && is_same(&known->status, &sum->status))
			memcpy(sum->sha256, known->sha256, sizeof sum->sha256);
		else if (!hash(digest, fd, sum->sha256, diags))
			sum->sha256[0] = '\0';
	}
	close(fd);
}

struct filesums *filesums_new(const struct table *table, const struct filesums *previous,
                              const struct diags *diags)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	struct filesums *filesums = digest ? list(table) : NULL;
	for (size_t i = 0; filesums && i < filesums->count; i++)
		sum_up(&filesums->items[i], digest, previous, diags);
	EVP_MD_CTX_free(digest);
	return filesums;
}

void filesums_free(struct filesums *filesums)
{
	free(filesums);
}
