/* SPDX-License-Identifier: MIT */
#include "rules/diags.h"

#include <stdlib.h>
#include <string.h>

#include "rules/arena.h"

#define MESSAGE_MAX 1001                       /* bytes of a text, the NUL included */
#define TEXTS_MAX   ((size_t)DIAGS_MAX * 4096) /* bytes of all of them */

struct finding {
	enum severity severity;
	struct position position;
	const char *message, *hint; /* hint may be NULL */
	size_t order;               /* the how many-th that was added */
};

struct diags {
	struct arena *texts;
	void (*progress)(void *arg); /* NULL: nobody wants to know */
	void *progress_arg;
	size_t total, errors;
	size_t count;
	struct finding findings[DIAGS_MAX];
};

struct diags *diags_new(void)
{
	struct diags *diags = calloc(1, sizeof *diags);
	if (!diags)
		return NULL;
	diags->texts = arena_new(TEXTS_MAX);
	if (!diags->texts) {
		free(diags);
		return NULL;
	}
	return diags;
}

void diags_free(struct diags *diags)
{
	if (!diags)
		return;
	arena_free(diags->texts);
	free(diags);
}

/* Marks a text that did not fit into size bytes, without leaving half a character. */
static void cut(char *text, size_t size)
{
	size_t end = size - sizeof("...");
	while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	memcpy(text + end, "...", sizeof("..."));
}

static void print_text(char *to, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

static void print_text(char *to, size_t size, const char *format, va_list args)
{
	int len = vsnprintf(to, size, format, args);
	if (len < 0)
		to[0] = '\0';
	else if ((size_t)len >= size)
		cut(to, size);
}

/* The file's name as an earlier finding has it, or a copy. */
static const char *keep_file(struct diags *diags, const char *file)
{
	for (size_t i = diags->count; i-- > 0;) {
		const char *known = diags->findings[i].position.file;
		if (known && strcmp(known, file) == 0)
			return known;
	}
	return arena_copy(diags->texts, slice_of(file)).at;
}

static bool keep(struct diags *diags, struct finding *finding)
{
	struct position *position = &finding->position;
	finding->message = arena_copy(diags->texts, slice_of(finding->message)).at;
	if (!finding->message)
		return false;
	if (position->file && !(position->file = keep_file(diags, position->file)))
		return false;
	if (!finding->hint)
		return true;
	struct slice hint = slice_of(finding->hint);
	if (hint.len >= MESSAGE_MAX)
		hint.len = MESSAGE_MAX - 1;
	finding->hint = arena_copy(diags->texts, hint).at;
	return finding->hint;
}

void diags_vadd(struct diags *diags, enum severity severity, struct position position,
                const char *hint, const char *format, va_list args)
{
	diags->total++;
	diags->errors += severity == SEVERITY_ERROR;
	if (diags_is_full(diags))
		return;

	char message[MESSAGE_MAX];
	print_text(message, sizeof message, format, args);
	struct finding finding = {severity, position, message, hint, diags->count};
	if (keep(diags, &finding))
		diags->findings[diags->count++] = finding;
}

void diags_add(struct diags *diags, enum severity severity, struct position position,
               const char *hint, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	diags_vadd(diags, severity, position, hint, format, args);
	va_end(args);
}

const char *diags_hint(char hint[DIAGS_HINT_MAX], const char *format, ...)
{
	va_list args;
	va_start(args, format);
	print_text(hint, DIAGS_HINT_MAX, format, args);
	va_end(args);
	return hint;
}

void diags_on_progress(struct diags *diags, void (*progress)(void *arg), void *arg)
{
	diags->progress = progress;
	diags->progress_arg = arg;
}

void diags_progress(const struct diags *diags)
{
	if (diags->progress)
		diags->progress(diags->progress_arg);
}

size_t diags_errors(const struct diags *diags)
{
	return diags->errors;
}

bool diags_is_full(const struct diags *diags)
{
	return diags->count == DIAGS_MAX;
}

static int by_position(const void *left, const void *right)
{
	const struct finding *a = left, *b = right;
	const char *a_file = a->position.file, *b_file = b->position.file;
	int files = strcmp(a_file ? a_file : "", b_file ? b_file : "");
	if (files)
		return files;
	if (a->position.line != b->position.line)
		return a->position.line < b->position.line ? -1 : 1;
	if (a->position.column != b->position.column)
		return a->position.column < b->position.column ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* U+0080 to U+009F are control characters too: a terminal takes U+009B for ESC [. */
static bool is_printable(const char *at, size_t len)
{
	unsigned char first = (unsigned char)at[0];
	if (len == 1)
		return first >= ' ' && first != 0x7f;
	return len > 1 && !(first == 0xc2 && (unsigned char)at[1] < 0xa0);
}

/* Bytes that text begins with and that are printed as they are. */
static size_t printable_length(struct slice text)
{
	size_t done = 0, len;
	while (done < text.len) {
		struct slice rest = slice_skip(text, done);
		len = slice_utf8(rest);
		if (!is_printable(rest.at, len))
			break;
		done += len;
	}
	return done;
}

void diags_print_text(struct slice text, FILE *to)
{
	while (text.len) {
		size_t len = printable_length(text);
		fwrite(text.at, 1, len, to);
		text = slice_skip(text, len);
		if (!text.len)
			break;
		fprintf(to, "\\x%02X", (unsigned char)text.at[0]);
		text = slice_skip(text, 1);
	}
}

static void print_escaped(const char *text, FILE *to)
{
	diags_print_text(slice_of(text), to);
}

static void print_position(const struct position *position, FILE *to)
{
	if (!position->file)
		return;
	print_escaped(position->file, to);
	if (position->line)
		fprintf(to, ":%u", position->line);
	if (position->line && position->column)
		fprintf(to, ":%u", position->column);
	fputs(": ", to);
}

void diags_print(struct diags *diags, FILE *to)
{
	qsort(diags->findings, diags->count, sizeof diags->findings[0], by_position);
	for (size_t i = 0; i < diags->count; i++) {
		const struct finding *finding = &diags->findings[i];
		print_position(&finding->position, to);
		fputs(finding->severity == SEVERITY_ERROR ? "error: " : "warning: ", to);
		print_escaped(finding->message, to);
		fputc('\n', to);
		if (finding->hint) {
			fputs("  hint: ", to);
			print_escaped(finding->hint, to);
			fputc('\n', to);
		}
	}
	size_t more = diags->total - diags->count;
	if (more)
		fprintf(to, "and %zu more\n", more);
}

char *diags_text(struct diags *diags)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	if (!to)
		return NULL;
	diags_print(diags, to);
	if (fclose(to) == 0 && size > 0)
		return text;
	free(text);
	return NULL;
}
