/* SPDX-License-Identifier: MIT */
#define SU_ROOT_MAGIC_T struct probes
#define SU_TIMER_ARG_T  struct watch
#include "server/operations/probes.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <sofia-sip/su_uniqueid.h>
#include <sofia-sip/su_wait.h>

#include "rules/health.h"
#include "rules/probe.h"
#include "server/bell.h"
#include "server/clock.h"
#include "server/log/escape.h"
#include "server/log/log.h"
#include "server/operations/damping.h"
#include "server/operations/prober.h"
#include "server/operations/resolver.h"
#include "server/trust/privilege.h"

#define RETRY_AFTER_MAX_S 300 /* so long at most a gateway can ask to be left alone */
#define TTL_MIN_S         5   /* a name is not asked for more often */
#define TTL_MAX_S         3600
#define LOOKUPS_MAX       64 /* at a time */
#define URI_MAX           520
#define CHANGES_MAX                                                                      \
	50 /* lines of the log about gateways in LOG_FLOOD_S; others are counted */

/* One probed gateway. */
struct watch {
	struct probes *probes;
	struct gateway_view view; /* of the table in force here */
	struct damping damping;
	su_timer_t *timer; /* for the next probe, or the end of this one */
	struct inquiry *inquiry;
	size_t address_count, asked; /* so many have been asked in this probe */
	struct endpoint addresses[LOCATE_ADDRESSES_MAX];
	struct lookup *lookup;
	bool named;         /* the addresses are those of a name */
	bool nowhere;       /* which DNS says there is not */
	int64_t expires_ms; /* when it is asked for again */
	bool refused;       /* one of them has */
	bool asked_any;     /* or it is known that one of them cannot be */
	bool waits;         /* for its turn */
	struct watch *next; /* of those that wait */
	int64_t due_ms, started_ms, asked_ns;
	unsigned long retry_after_s;
	int64_t since_s;
	unsigned long rtt_us;
	char why[48]; /* of the last failure */
};

struct probes {
	struct snapshot *snapshot;
	bool running;
	pthread_t thread;
	struct bell bell; /* done: the loop is there, made by calls that the sandbox
	                     forbids */
	su_root_t *root;
	struct prober *prober;
	struct resolver *resolver; /* NULL: no name has been asked for */
	size_t lookups;

	pthread_mutex_t mutex; /* what follows is written under it, by the thread */
	const struct configuration *held;
	size_t count;
	struct watch **watches; /* by number, from 0 */

	size_t active;
	struct watch *first_waiting, **last_waiting;
	bool said_late;
	int64_t flood_ends_ms;
	size_t changes_said, changes_unsaid;
};

/* Time and chance */

/* 0 to below, which is not 0. */
static unsigned long random_below(unsigned long below)
{
	uint64_t value = 0;
	if (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value)
		value = (uint64_t)clock_ns();
	return (unsigned long)(value % below);
}

/* A tenth more or less. */
static unsigned long jittered(unsigned long ms)
{
	return ms - ms / 10 + random_below(ms / 5 + 1);
}

/* The log */

/* How many were not told by name, when it is time for that. */
static void say_more(struct probes *probes)
{
	int64_t now = clock_ms();
	if (now < probes->flood_ends_ms)
		return;
	if (probes->changes_unsaid)
		log_event(LOG_WARNING, "more gateways changed count=%zu",
		          probes->changes_unsaid);
	probes->changes_said = probes->changes_unsaid = 0;
	probes->flood_ends_ms = now + LOG_FLOOD_S * 1000;
}

/* Many gateways may change at once: then the first are told by name. */
static bool may_say(struct probes *probes)
{
	if (probes->changes_said++ < CHANGES_MAX)
		return true;
	probes->changes_unsaid++;
	return false;
}

static void say_change(const struct watch *watch)
{
	char name[128], uri[1024];
	if (!may_say(watch->probes))
		return;
	log_escape(watch->view.name, name, sizeof name);
	log_escape(watch->view.uri, uri, sizeof uri);
	if (watch->damping.down)
		log_event(LOG_WARNING,
		          "gateway is down gateway=\"%s\" uri=\"%s\" reason=\"%s\"", name,
		          uri, watch->why);
	else
		log_event(LOG_INFO, "gateway is up gateway=\"%s\" uri=\"%s\"", name, uri);
}

static void say_late(struct probes *probes)
{
	if (!probes->said_late)
		log_event(LOG_WARNING,
		          "probes are late, gateways=%zu are too many for their periods",
		          probes->count);
	probes->said_late = true;
}

/* One probe */

static void on_due(su_root_magic_t *magic, su_timer_t *timer, struct watch *watch);
static void on_timeout(su_root_magic_t *magic, su_timer_t *timer, struct watch *watch);

static void set_due(struct watch *watch, int64_t due_ms)
{
	int64_t now = clock_ms();
	watch->due_ms = due_ms < now ? now : due_ms;
	su_timer_set_interval(watch->timer, on_due, watch,
	                      (su_duration_t)(watch->due_ms - now));
}

static void schedule(struct watch *watch)
{
	int64_t now = clock_ms();
	int64_t due = watch->started_ms + (int64_t)jittered(watch->view.probe->every_ms);
	int64_t quiet = (int64_t)watch->retry_after_s * 1000;
	if (due < now + quiet)
		due = now + quiet;
	set_due(watch, due);
}

/* The probe has come to its end. */
static void finish(struct watch *watch, enum damping_result result)
{
	struct probes *probes = watch->probes;
	probes->active--;
	say_more(probes);
	pthread_mutex_lock(&probes->mutex);
	bool changed = damping_take(&watch->damping, result, watch->view.probe);
	if (changed)
		watch->since_s = time(NULL);
	if (result == DAMPING_ANSWERED) {
		watch->why[0] = '\0';
		watch->rtt_us = (unsigned long)((clock_ns() - watch->asked_ns) / 1000);
		watch->retry_after_s = 0; /* of another of its addresses */
	}
	pthread_mutex_unlock(&probes->mutex);
	if (changed) {
		health_set(probes->held->health, watch->view.number, watch->damping.down);
		say_change(watch);
	}
	schedule(watch);
}

/* Nobody could be asked, for a reason of our own: that says nothing about the gateway. */
static void put_off(struct watch *watch)
{
	watch->probes->active--;
	schedule(watch);
}

static void fail(struct watch *watch, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void fail(struct watch *watch, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	pthread_mutex_lock(&watch->probes->mutex);
	vsnprintf(watch->why, sizeof watch->why, format, args);
	pthread_mutex_unlock(&watch->probes->mutex);
	va_end(args);
}

static void on_answer(void *arg, const struct prober_answer *answer);

/* The Request-URI: the gateway's own without user and headers. */
static const char *request_uri(const struct watch *watch, char to[URI_MAX])
{
	snprintf(to, URI_MAX, "sip:%.*s", (int)watch->view.server.len,
	         watch->view.server.at);
	return to;
}

/* The next address; behind the last one the probe has failed. */
static void ask_next(struct watch *watch)
{
	char uri[URI_MAX];
	const char *why;
	bool ours;
	if (!watch->address_count) { /* any more, when its turn has come */
		fail(watch, "its name has no address");
		watch->asked_any = true;
	}
	while (watch->asked < watch->address_count) {
		watch->asked_ns = clock_ns();
		watch->inquiry = prober_ask(
			watch->probes->prober, &watch->addresses[watch->asked++],
			request_uri(watch, uri), on_answer, watch, &why, &ours);
		watch->asked_any |= watch->inquiry || !ours;
		if (watch->inquiry) {
			su_timer_set_interval(
				watch->timer, on_timeout, watch,
				(su_duration_t)watch->view.probe->timeout_ms);
			return;
		}
		fail(watch, "%s", why);
	}
	if (watch->asked_any)
		finish(watch, watch->refused ? DAMPING_REFUSED : DAMPING_FAILED);
	else
		put_off(watch);
}

static void begin(struct watch *watch)
{
	watch->probes->active++;
	watch->started_ms = clock_ms();
	if (watch->started_ms - watch->due_ms > (int64_t)watch->view.probe->every_ms)
		say_late(watch->probes);
	watch->asked = 0;
	watch->refused = watch->asked_any = false;
	watch->retry_after_s = 0;
	ask_next(watch);
}

/* As many as may be asked at once. */
static void pump(struct probes *probes)
{
	while (probes->active < PROBES_AT_ONCE && probes->first_waiting) {
		struct watch *watch = probes->first_waiting;
		probes->first_waiting = watch->next;
		if (!watch->next)
			probes->last_waiting = &probes->first_waiting;
		watch->next = NULL;
		watch->waits = false;
		begin(watch);
	}
}

/* Names */

static void on_located(void *arg, enum lookup_result result,
                       const struct locating *locating, unsigned ttl_s)
{
	struct watch *watch = arg;
	bool first = !watch->address_count;
	watch->probes->lookups--;
	if (ttl_s < TTL_MIN_S || result != LOOKUP_FOUND)
		ttl_s = TTL_MIN_S;
	if (ttl_s > TTL_MAX_S)
		ttl_s = TTL_MAX_S;
	watch->expires_ms = clock_ms() + (int64_t)jittered(ttl_s * 1000ul);
	if (result == LOOKUP_FAILED) {
		if (first)
			fail(watch, "its name could not be looked up");
		return; /* with what it had the last time */
	}
	watch->nowhere = result == LOOKUP_NOTHING;
	watch->address_count = locating->address_count;
	memcpy(watch->addresses, locating->addresses, sizeof watch->addresses);
	if (first && watch->address_count && !watch->waits)
		su_timer_set_interval(watch->timer, on_due, watch, 0);
}

/* Asks for its addresses again when they are old. Until then it has those. */
static void refresh(struct watch *watch)
{
	struct probes *probes = watch->probes;
	const char *server = probes->held ? probes->held->settings->resolver : NULL;
	if (!watch->named || watch->lookup || clock_ms() < watch->expires_ms ||
	    probes->lookups == LOOKUPS_MAX)
		return;
	if (!probes->resolver)
		probes->resolver = resolver_new(probes->root, server);
	if (!probes->resolver)
		return;
	probes->lookups++;
	resolver_ask(probes->resolver, &watch->view, on_located, watch, &watch->lookup);
}

/* A name that nobody knows is as a gateway that does not answer; one that cannot be
 * looked up says nothing about it. */
static bool has_address(struct watch *watch)
{
	refresh(watch);
	if (watch->address_count)
		return true;
	watch->started_ms = clock_ms();
	watch->retry_after_s = 0;
	if (watch->nowhere) {
		watch->probes->active++;
		fail(watch, "its name has no address");
		finish(watch, DAMPING_FAILED);
	} else {
		unsigned long soon_ms = jittered(TTL_MIN_S * 1000ul);
		if (soon_ms > watch->view.probe->every_ms)
			soon_ms = watch->view.probe->every_ms;
		set_due(watch, watch->started_ms + (int64_t)soon_ms);
	}
	return false;
}

static void on_due(su_root_magic_t *magic, su_timer_t *timer, struct watch *watch)
{
	struct probes *probes = watch->probes;
	(void)magic;
	(void)timer;
	if (watch->waits || !has_address(watch))
		return;
	watch->waits = true;
	*probes->last_waiting = watch;
	probes->last_waiting = &watch->next;
	pump(probes);
}

static void on_timeout(su_root_magic_t *magic, su_timer_t *timer, struct watch *watch)
{
	(void)magic;
	(void)timer;
	prober_drop(watch->inquiry);
	watch->inquiry = NULL;
	fail(watch, "no answer in %lu ms", watch->view.probe->timeout_ms);
	ask_next(watch);
	pump(watch->probes);
}

/* RFC 3261 21.5.4: who sends Retry-After is not asked again until then. */
static void note_refusal(struct watch *watch, unsigned long retry_after_s)
{
	watch->refused = true;
	watch->retry_after_s =
		retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s : RETRY_AFTER_MAX_S;
}

static void on_answer(void *arg, const struct prober_answer *answer)
{
	struct watch *watch = arg;
	enum damping_result result =
		damping_result(answer->status, answer->retry_after_s > 0);
	watch->inquiry = NULL;
	su_timer_reset(watch->timer);
	if (result == DAMPING_ANSWERED) {
		finish(watch, result);
	} else {
		if (result == DAMPING_REFUSED)
			note_refusal(watch, answer->retry_after_s);
		if (answer->status)
			fail(watch, "it answers %d", answer->status);
		else
			fail(watch, "%s", answer->why);
		ask_next(watch);
	}
	pump(watch->probes);
}

/* The gateways */

static void watch_free(struct watch *watch)
{
	struct probes *probes = watch ? watch->probes : NULL;
	if (!watch)
		return;
	probes->active -= watch->inquiry != NULL;
	prober_drop(watch->inquiry);
	probes->lookups -= watch->lookup != NULL;
	resolver_drop(&watch->lookup);
	for (struct watch **link = &probes->first_waiting; watch->waits && *link;
	     link = &(*link)->next) {
		if (*link != watch)
			continue;
		*link = watch->next;
		if (!watch->next)
			probes->last_waiting = link;
		break;
	}
	su_timer_destroy(watch->timer);
	free(watch);
}

/* Of one that is no name. */
static bool find_addresses(struct watch *watch)
{
	struct endpoint *endpoint = &watch->addresses[0];
	if (!address_parse(watch->view.host, &endpoint->address))
		return false;
	endpoint->transport =
		watch->view.transport == PROBED_TCP ? TRANSPORT_TCP : TRANSPORT_UDP;
	endpoint->port = (uint16_t)(watch->view.port ? watch->view.port : ENDPOINT_PORT);
	watch->address_count = 1;
	return true;
}

/* Anywhere in the next period, so that not all are asked at once. */
static void set_due_in_period(struct watch *watch)
{
	set_due(watch, clock_ms() + (int64_t)random_below(watch->view.probe->every_ms));
}

static struct watch *watch_new(struct probes *probes, const struct gateway_view *view)
{
	struct watch *watch = calloc(1, sizeof *watch);
	if (!watch)
		return NULL;
	watch->probes = probes;
	watch->view = *view;
	watch->timer = su_timer_create(su_root_task(probes->root), 0);
	if (!watch->timer) {
		free(watch);
		return NULL;
	}
	watch->named = !find_addresses(watch);
	set_due_in_period(watch);
	return watch;
}

/* The watch of the same gateway until now, which is the new one's then. */
static struct watch *take_over(struct probes *probes, const struct gateway_view *view)
{
	size_t number =
		probes->held ? table_probed_find(probes->held->table, view->name) : 0;
	struct watch *watch = number ? probes->watches[number - 1] : NULL;
	if (!watch || !slice_equal(watch->view.uri, view->uri))
		return NULL;
	probes->watches[number - 1] = NULL;
	watch->view = *view;
	int64_t longest_ms = (int64_t)view->probe->every_ms * 11 / 10;
	bool idle = !watch->inquiry && !watch->waits && !watch->retry_after_s;
	if (idle && watch->due_ms > clock_ms() + longest_ms)
		set_due_in_period(watch);
	return watch;
}

static void put_in_force(struct probes *probes, const struct configuration *fresh,
                         struct watch **watches, size_t count)
{
	const struct configuration *old = probes->held;
	struct watch **old_watches = probes->watches;
	size_t old_count = probes->count;
	pthread_mutex_lock(&probes->mutex);
	probes->held = fresh;
	probes->watches = watches;
	probes->count = count;
	pthread_mutex_unlock(&probes->mutex);
	for (size_t i = 0; i < old_count; i++)
		watch_free(old_watches[i]);
	free(old_watches);
	if (old)
		snapshot_release(probes->snapshot, old);
	probes->said_late = false;
}

/* The health of a configuration that has just been put in force is that of the old one's
 * gateways at the time it was loaded: see health_new(). What has changed since is set
 * now. */
static void adopt(struct probes *probes)
{
	const struct configuration *fresh = snapshot_acquire(probes->snapshot);
	size_t count = table_probed_count(fresh->table);
	struct watch **watches = calloc(count + 1, sizeof *watches);
	unsigned long timeout_ms = 0;
	if (!watches || fresh == probes->held) {
		free(watches);
		snapshot_release(probes->snapshot, fresh);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct gateway_view view;
		table_probed(fresh->table, i, &view);
		pthread_mutex_lock(&probes->mutex);
		watches[i] = take_over(probes, &view);
		pthread_mutex_unlock(&probes->mutex);
		if (!watches[i])
			watches[i] = watch_new(probes, &view);
		if (!watches[i])
			continue; /* it is not probed, and counts as up */
		health_set(fresh->health, i + 1, watches[i]->damping.down);
		if (timeout_ms < view.probe->timeout_ms)
			timeout_ms = view.probe->timeout_ms;
	}
	if (timeout_ms)
		prober_set_timeout(probes->prober, timeout_ms);
	put_in_force(probes, fresh, watches, count);
	/* The name servers may be others now. */
	resolver_free(probes->resolver);
	probes->resolver = NULL;
	pump(probes);
}

/* The thread */

static int on_bell(struct probes *probes, su_wait_t *wait, su_wakeup_arg_t *arg)
{
	unsigned wishes = bell_answer(&probes->bell);
	(void)wait;
	(void)arg;
	if (wishes & BELL_STOP)
		su_root_break(probes->root);
	else if (wishes & BELL_ADOPT)
		adopt(probes);
	return 0;
}

static void work(struct probes *probes)
{
	su_wait_t wait[1] = {SU_WAIT_INIT};
	su_wait_create(wait, probes->bell.fd, SU_WAIT_IN);
	int registered = su_root_register(probes->root, wait, on_bell, NULL, 0);
	su_root_run(probes->root);
	su_root_deregister(probes->root, registered);
	for (size_t i = 0; i < probes->count; i++)
		watch_free(probes->watches[i]);
	free(probes->watches);
	resolver_free(probes->resolver);
	if (probes->held)
		snapshot_release(probes->snapshot, probes->held);
}

static void *run(void *arg)
{
	struct probes *probes = arg;
	privilege_renounce();
	probes->root = su_root_create(probes);
	probes->prober = probes->root ? prober_new(probes->root) : NULL;
	bell_done(&probes->bell);
	if (probes->prober)
		work(probes);
	prober_free(probes->prober);
	su_root_destroy(probes->root);
	return NULL;
}

struct probes *probes_new(struct snapshot *snapshot)
{
	struct probes *probes = calloc(1, sizeof *probes);
	if (!probes)
		return NULL;
	if (!bell_init(&probes->bell)) {
		bell_fini(&probes->bell);
		free(probes);
		return NULL;
	}
	/* The library opens its source of chance when it first needs it, as a terminal
	 * might be opened: the sandbox would not have that. */
	su_randint(0, 1);
	probes->snapshot = snapshot;
	probes->last_waiting = &probes->first_waiting;
	pthread_mutex_init(&probes->mutex, NULL);
	return probes;
}

static bool is_wanted(struct probes *probes)
{
	const struct configuration *in_force = snapshot_acquire(probes->snapshot);
	bool wanted = in_force->connects && table_probed_count(in_force->table) > 0;
	snapshot_release(probes->snapshot, in_force);
	return wanted;
}

static bool start(struct probes *probes)
{
	errno = pthread_create(&probes->thread, NULL, run, probes);
	if (errno)
		return false;
	probes->running = true;
	bell_wait(&probes->bell);
	if (!probes->prober)
		errno = ENOMEM;
	return probes->prober;
}

bool probes_adopt(struct probes *probes)
{
	if (!probes->running && !is_wanted(probes))
		return true;
	if (!probes->running && !start(probes))
		return false;
	bell_ring(&probes->bell, BELL_ADOPT);
	return true;
}

void probes_free(struct probes *probes)
{
	if (!probes)
		return;
	if (probes->running) {
		bell_ring(&probes->bell, BELL_STOP);
		pthread_join(probes->thread, NULL);
	}
	pthread_mutex_destroy(&probes->mutex);
	bell_fini(&probes->bell);
	free(probes);
}

/* Showing */

/* The watches know more than the health, but are not always this configuration's. */
static void show(const struct gateway_view *gateway, const struct health *health,
                 const struct watch *watch,
                 void (*visit)(void *arg, const struct probe_view *view), void *arg)
{
	struct probe_view view = {
		.name = gateway->name, .uri = gateway->uri, .last_error = ""};
	if (gateway->number && health)
		view.state =
			health_is_down(health, gateway->number) ? PROBE_DOWN : PROBE_UP;
	if (watch) {
		view.state = watch->damping.down ? PROBE_DOWN : PROBE_UP;
		view.since_s = watch->since_s;
		view.rtt_us = watch->rtt_us;
		view.last_error = watch->why;
	}
	visit(arg, &view);
}

void probes_visit(struct probes *probes,
                  void (*visit)(void *arg, const struct probe_view *view), void *arg)
{
	const struct configuration *configuration = snapshot_acquire(probes->snapshot);
	const struct table *table = configuration->table;
	pthread_mutex_lock(&probes->mutex);
	bool current = probes->held == configuration;
	/* held NULL: perhaps there is no thread, and nobody is probed */
	const struct health *health =
		probes->held && !current ? configuration->health : NULL;
	for (size_t i = 0; i < table_counts(table).gateways; i++) {
		struct gateway_view gateway;
		table_gateway(table, i, &gateway);
		bool watched = current && gateway.number;
		show(&gateway, health,
		     watched ? probes->watches[gateway.number - 1] : NULL, visit, arg);
	}
	pthread_mutex_unlock(&probes->mutex);
	snapshot_release(probes->snapshot, configuration);
}
