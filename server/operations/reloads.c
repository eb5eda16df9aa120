/* SPDX-License-Identifier: MIT */
#include "server/operations/reloads.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/diags.h"

void reloads_start(struct reloads *reloads)
{
	reloads->last.success_s = time(NULL);
}

void reloads_note(struct reloads *reloads, bool good, double ms, struct diags *diags)
{
	char *findings = diags ? diags_text(diags) : NULL;
	struct reload_record *last = &reloads->last;
	pthread_mutex_lock(&reloads->mutex);
	char *old = last->findings;
	last->result = good ? RELOAD_OK : RELOAD_FAILED;
	last->at_s = time(NULL);
	last->ms = ms;
	last->findings = findings;
	last->succeeded += good;
	last->failed += !good;
	if (good)
		last->success_s = last->at_s;
	pthread_mutex_unlock(&reloads->mutex);
	free(old);
}

struct reload_record reloads_last(struct reloads *reloads)
{
	pthread_mutex_lock(&reloads->mutex);
	struct reload_record last = reloads->last;
	if (last.findings)
		last.findings = strdup(last.findings);
	pthread_mutex_unlock(&reloads->mutex);
	return last;
}

void reloads_free(struct reloads *reloads)
{
	free(reloads->last.findings);
	reloads->last.findings = NULL;
}
