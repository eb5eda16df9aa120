/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules/list.h"
#include "server/commands/deckdiff.h"
#include "server/commands/import.h"
#include "server/commands/passwd.h"
#include "server/commands/ping.h"
#include "server/commands/route.h"
#include "server/commands/statuspage.h"
#include "server/commands/test.h"
#include "server/configuration.h"
#include "server/serve.h"

enum { EXIT_USAGE = 2 };

static const char usage[] =
	"usage: signpost COMMAND\n"
	"\n"
	"  serve [-c signpost.yaml] [-r rules.yaml]   run in the foreground\n"
	"  check [-c signpost.yaml] [-r rules.yaml]   print every finding; exit 0 or 1\n"
	"      --list               and the rules in the order in which they are asked\n"
	"  route [-c signpost.yaml] [-r rules.yaml] [OPTION...] CALLED\n"
	"                                             the answer to a call, and why\n"
	"      --caller X           number, user or URI of the caller\n"
	"      --user U             who has proved to be it, a user of the settings\n"
	"      --host H             host of the Request-URI, where CALLED is no URI\n"
	"      --peer P             who sends it: a peer of the settings\n"
	"      --profile P          a profile of the settings that it comes in by\n"
	"      --rn N --npdi --cic C --tgrp T --trunk-context X\n"
	"                           parameters of CALLED\n"
	"      --source ADDR[:PORT] where the request comes from\n"
	"      --listener L         where it comes in: udp:192.0.2.1:5060\n"
	"      --header 'N: value'  a header of the request; may be repeated\n"
	"      --method M           another method than INVITE\n"
	"      --call-id ID         decides which of several gateways comes first\n"
	"      --at TIME            when: 2026-12-25T10:00, in the table's zone\n"
	"      --health URL         gateways as a server has them: "
	"http://127.0.0.1:9090\n"
	"                           exit 0: redirect, 3: any other answer\n"
	"  test [-v] [--coverage] FILE...             does a table do what is expected "
	"of it? exit 0 or 1\n"
	"      -v                   print those that are met as well\n"
	"      --coverage           print the rules that no expectation reaches\n"
	"  deck diff [--at TIME] [--columns NAME,...] OLD NEW\n"
	"                                             what a price list changes\n"
	"                           exit 0: nothing, 1: something, 2: trouble\n"
	"  import drouting [--into FOLDER] RULES.csv GATEWAYS.csv [LISTS.csv]\n"
	"  import lcr [--into FOLDER] GW.csv RULE.csv RULE_TARGET.csv\n"
	"  import mtree --into FOLDER MTREE.csv\n"
	"                                             a table from what Kamailio or "
	"OpenSIPS has\n"
	"                           exit 0: all of it, 1: some is left out, 2: trouble\n"
	"  ping [--timeout MS] [udp:|tcp:]ADDR[:PORT] ask with an OPTIONS; exit 0 if it "
	"is answered 200\n"
	"  passwd [--realm R] USER                    make an entry for a file of users; "
	"reads the password\n"
	"  help                                       print this\n"
	"  version                                    print the version\n"
	"\n"
	"serve, check and route need one of -c and -r. Without -c the server listens on\n"
	"udp and tcp 127.0.0.1:5060 and lets loopback in. SIGHUP reloads settings, "
	"rules\n"
	"and TLS certificates. SIGTERM drains, then stops; SIGINT stops.\n";

static int say_usage(void)
{
	fputs(usage, stderr);
	return EXIT_USAGE;
}

/* Options */

struct options {
	struct configuration configuration;
	struct question question;
	struct test_options test;
	unsigned timeout_ms;
	bool list;
	const char *realm;
	const char *health;
};

static bool set_timeout(struct options *options, const char *text)
{
	unsigned long value;
	if (!slice_number(slice_of(text), 3600000, &value) || value == 0)
		return false;
	options->timeout_ms = (unsigned)value;
	return true;
}

/* Those without a letter. */
enum {
	OPTION_RN = 256,
	OPTION_NPDI,
	OPTION_CIC,
	OPTION_TGRP,
	OPTION_TRUNK_CONTEXT,
	OPTION_USER,
	OPTION_HEALTH
};

static bool take_option(struct options *options, int option)
{
	struct question *question = &options->question;
	switch (option) {
	case 'c':
		options->configuration.settings_path = optarg;
		return true;
	case 'r':
		options->configuration.rules_path = optarg;
		return true;
	case 'f':
		question->caller = optarg;
		return true;
	case 'H':
		question->host = optarg;
		return true;
	case 'p':
		question->peer = optarg;
		return true;
	case 'P':
		question->profile = optarg;
		return true;
	case 's':
		question->source = optarg;
		return true;
	case OPTION_HEALTH:
		options->health = optarg;
		return true;
	case OPTION_USER:
		question->user = optarg;
		return true;
	case OPTION_RN:
		question->rn = optarg;
		return true;
	case OPTION_NPDI:
		question->npdi = true;
		return true;
	case OPTION_CIC:
		question->cic = optarg;
		return true;
	case OPTION_TGRP:
		question->tgrp = optarg;
		return true;
	case OPTION_TRUNK_CONTEXT:
		question->trunk_context = optarg;
		return true;
	case 'l':
		question->listener = optarg;
		return true;
	case 'm':
		question->method = optarg;
		return true;
	case 'i':
		question->call_id = optarg;
		return true;
	case 'a':
		question->at = optarg;
		return true;
	case 'h':
		if (question->header_count == QUESTION_HEADERS_MAX)
			return false;
		question->headers[question->header_count++] = optarg;
		return true;
	case 'L':
		options->list = true;
		return true;
	case 'v':
		options->test.verbose = true;
		return true;
	case 'C':
		options->test.coverage = true;
		return true;
	case 'R':
		options->realm = optarg;
		return true;
	case 't':
		return set_timeout(options, optarg);
	default:
		return false;
	}
}

/* Reads the options behind the command; *left is then the first argument. */
static bool read_options(int argc, char **argv, const char *shorts,
                         const struct option *longs, struct options *options, int *left)
{
	int option;
	optind = 2;
	while ((option = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
		if (!take_option(options, option))
			return false;
	*left = optind;
	return true;
}

static const struct option no_longs[] = {{0}},
			   check_longs[] = {{"list", no_argument, NULL, 'L'}, {0}};

/* Commands */

/* Loads, and prints every finding. serving: what a server needs as well. */
static bool load(struct configuration *configuration, bool serving)
{
	struct diags *diags = diags_new();
	configuration->serving = serving;
	bool good = diags && configuration_load(configuration, diags);
	if (diags && serving)
		good &= configuration_load_certificates(configuration, diags);
	if (diags)
		diags_print(diags, stderr);
	diags_free(diags);
	return good;
}

static bool wants_files(int argc, char **argv, const struct option *longs,
                        struct options *options)
{
	int left;
	return read_options(argc, argv, "c:r:", longs, options, &left) && left == argc &&
	       (options->configuration.settings_path ||
	        options->configuration.rules_path);
}

static int serve_command(int argc, char **argv)
{
	struct options options = {0};
	if (!wants_files(argc, argv, no_longs, &options))
		return say_usage();
	serve_block_signals();
	int status = load(&options.configuration, true) ? serve(&options.configuration)
	                                                : EXIT_FAILURE;
	configuration_free(&options.configuration);
	return status;
}

static int check_command(int argc, char **argv)
{
	struct options options = {0};
	if (!wants_files(argc, argv, check_longs, &options))
		return say_usage();
	bool good = load(&options.configuration, true);
	char counts[COUNTS_TEXT_MAX];
	if (good && options.list)
		list_write(options.configuration.table, stdout);
	else if (good)
		printf("%s: good: %s\n", options.configuration.rules_path,
		       configuration_counts(options.configuration.table, counts));
	configuration_free(&options.configuration);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* What a running server knows of the gateways. */
static bool ask_health(struct configuration *configuration, const char *url)
{
	size_t down;
	configuration->health = statuspage_health(url, configuration->table, &down);
	if (configuration->health)
		printf("health:\n  %zu of %zu probed gateways down\n", down,
		       table_probed_count(configuration->table));
	return configuration->health;
}

static int route_command(int argc, char **argv)
{
	static const struct option longs[] = {
		{"caller", required_argument, NULL, 'f'},
		{"user", required_argument, NULL, OPTION_USER},
		{"host", required_argument, NULL, 'H'},
		{"peer", required_argument, NULL, 'p'},
		{"profile", required_argument, NULL, 'P'},
		{"rn", required_argument, NULL, OPTION_RN},
		{"npdi", no_argument, NULL, OPTION_NPDI},
		{"cic", required_argument, NULL, OPTION_CIC},
		{"tgrp", required_argument, NULL, OPTION_TGRP},
		{"trunk-context", required_argument, NULL, OPTION_TRUNK_CONTEXT},
		{"source", required_argument, NULL, 's'},
		{"listener", required_argument, NULL, 'l'},
		{"header", required_argument, NULL, 'h'},
		{"method", required_argument, NULL, 'm'},
		{"call-id", required_argument, NULL, 'i'},
		{"at", required_argument, NULL, 'a'},
		{"health", required_argument, NULL, OPTION_HEALTH},
		{0}};
	struct options options = {0};
	struct configuration *configuration = &options.configuration;
	int left;
	if (!read_options(argc, argv, "c:r:", longs, &options, &left) ||
	    left + 1 != argc ||
	    !(configuration->settings_path || configuration->rules_path))
		return say_usage();
	options.question.call = argv[left];
	bool ready = load(configuration, false) &&
	             (!options.health || ask_health(configuration, options.health));
	int status = ready ? route(configuration, &options.question) : EXIT_FAILURE;
	configuration_free(configuration);
	return status;
}

static int test_command(int argc, char **argv)
{
	static const struct option longs[] = {{"coverage", no_argument, NULL, 'C'}, {0}};
	struct options options = {0};
	int left;
	if (!read_options(argc, argv, "v", longs, &options, &left) || left == argc)
		return say_usage();
	options.test.files = (const char *const *)argv + left;
	options.test.file_count = (size_t)(argc - left);
	return test(&options.test);
}

static int deck_command(int argc, char **argv)
{
	static const struct option longs[] = {{"at", required_argument, NULL, 'a'},
	                                      {"columns", required_argument, NULL, 'c'},
	                                      {0}};
	struct deckdiff_options options = {.columns = NULL};
	int option;
	if (argc < 3 || strcmp(argv[2], "diff") != 0)
		return say_usage();
	optind = 3;
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (option == 'a')
			options.at = optarg;
		else if (option == 'c')
			options.columns = optarg;
		else
			return say_usage();
	if (optind + 2 != argc)
		return say_usage();
	options.old = argv[optind];
	options.new = argv[optind + 1];
	return deckdiff(&options);
}

static int import_command(int argc, char **argv)
{
	static const struct option longs[] = {{"into", required_argument, NULL, 'i'},
	                                      {0}};
	struct import_options options = {.into = NULL};
	int option;
	if (argc < 3)
		return say_usage();
	options.format = argv[2];
	optind = 3;
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (option == 'i')
			options.into = optarg;
		else
			return say_usage();
	options.files = (const char *const *)argv + optind;
	options.file_count = (size_t)(argc - optind);
	return import_is_sensible(&options) ? import(&options) : say_usage();
}

static int ping_command(int argc, char **argv)
{
	static const struct option longs[] = {{"timeout", required_argument, NULL, 't'},
	                                      {0}};
	struct options options = {.timeout_ms = 2000};
	struct endpoint to;
	const char *why;
	char text[ENDPOINT_TEXT_MAX + 8];
	int left;
	if (!read_options(argc, argv, "", longs, &options, &left) || left + 1 != argc)
		return say_usage();
	bool named = strncmp(argv[left], "udp:", 4) == 0 ||
	             strncmp(argv[left], "tcp:", 4) == 0;
	snprintf(text, sizeof text, "%s%s", named ? "" : "udp:", argv[left]);
	if (!endpoint_parse(slice_of(text), &to, &why)) {
		fprintf(stderr, "signpost: \"%s\": %s\n", argv[left], why);
		return EXIT_USAGE;
	}
	int status = ping(&to, options.timeout_ms);
	if (status < 0)
		fprintf(stderr, "signpost: no answer from %s: %s\n", text,
		        strerror(-status));
	else
		printf("%s answers %d\n", text, status);
	return status == 200 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int passwd_command(int argc, char **argv)
{
	static const struct option longs[] = {{"realm", required_argument, NULL, 'R'},
	                                      {0}};
	struct options options = {0};
	int left;
	if (!read_options(argc, argv, "", longs, &options, &left) || left + 1 != argc)
		return say_usage();
	return passwd(argv[left], options.realm);
}

static int help_command(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fputs(usage, stdout);
	return EXIT_SUCCESS;
}

static int version_command(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("signpost " VERSION);
	return EXIT_SUCCESS;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"serve", serve_command}, {"check", check_command},
	{"route", route_command}, {"test", test_command},
	{"deck", deck_command},   {"import", import_command},
	{"ping", ping_command},   {"passwd", passwd_command},
	{"help", help_command},   {"version", version_command},
	{"--help", help_command}, {"--version", version_command},
};

/* A socket must not become standard error, or log lines would go to a peer. */
static void fill_standard_files(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	fill_standard_files();
	for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc, argv);
	return say_usage();
}
