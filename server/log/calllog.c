/* SPDX-License-Identifier: MIT */
#include "server/log/calllog.h"

#include <assert.h>
#include <stdio.h>

#include "server/log/log.h"

/* The texts of one line, escaped. Their sizes add up to less than LOG_LINE_MAX with room
 * for the keys, so a line is never cut in the middle. */
struct texts {
	char time[LOG_TIME_MAX], source[ENDPOINT_TEXT_MAX];
	char id[512], method[64], listener[ENDPOINT_TEXT_MAX];
	char caller[384], called[384], rule[392], contacts[1800];
};
_Static_assert(sizeof(struct texts) + 256 <= LOG_LINE_MAX, "a call fits into a line");

/* Both name the same values in the same order. */
#define FORMAT_TEXT                                                                      \
	"%s call id=\"%s\" method=\"%s\" source=%s listener=%s caller=\"%s\" "           \
	"called=\"%s\" "                                                                 \
	"rule=\"%s\" status=%u contacts=\"%s\" us=%u\n"
#define FORMAT_JSON                                                                      \
	"{\"time\":\"%s\",\"event\":\"call\",\"id\":\"%s\",\"method\":\"%s\","           \
	"\"source\":\"%s\","                                                             \
	"\"listener\":\"%s\",\"caller\":\"%s\",\"called\":\"%s\",\"rule\":\"%s\","       \
	"\"status\":%u,"                                                                 \
	"\"contacts\":\"%s\",\"us\":%u}\n"

static void fill(struct texts *texts, const struct call *call, bool json)
{
	const char *(*escape)(struct slice, char *, size_t) =
		json ? log_escape_json : log_escape;
	log_time(texts->time);
	endpoint_text(&call->source, texts->source);
	escape(call->call_id, texts->id, sizeof texts->id);
	escape(call->method, texts->method, sizeof texts->method);
	escape(slice_of(call->listener), texts->listener, sizeof texts->listener);
	escape(call->caller, texts->caller, sizeof texts->caller);
	escape(call->called, texts->called, sizeof texts->called);
	escape(call->rule, texts->rule, sizeof texts->rule);
	escape(call->contacts, texts->contacts, sizeof texts->contacts);
}

void calllog_write(enum log_calls calls, enum log_format format, const struct call *call)
{
	struct texts texts;
	char line[LOG_LINE_MAX + 1];
	if (calls == LOG_CALLS_NONE ||
	    (calls == LOG_CALLS_REJECTED && call->status < 400))
		return;
	fill(&texts, call, format == LOG_FORMAT_JSON);
	int len = snprintf(line, sizeof line,
	                   format == LOG_FORMAT_JSON ? FORMAT_JSON : FORMAT_TEXT,
	                   texts.time, texts.id, texts.method, texts.source,
	                   texts.listener, texts.caller, texts.called, texts.rule,
	                   call->status, texts.contacts, call->microseconds);
	assert(len > 0 && len <= LOG_LINE_MAX);
	log_write(line, (size_t)len);
}
