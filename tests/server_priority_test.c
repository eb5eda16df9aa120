/* SPDX-License-Identifier: MIT */
#include "server/sip/priority.h"
#include "tests/runner.h"

#define FIELDS_MAX 3

static const struct {
	struct {
		const char *name, *value;
	} fields[FIELDS_MAX];
	bool asked;
} rows[] = {
	{{{NULL}}, false},
	{{{"Resource-Priority", "ets.0"}}, true},
	{{{"Resource-Priority", "wps.4"}}, true},
	{{{"Resource-Priority", "esnet.1"}}, true},
	{{{"Resource-Priority", "dsn.flash-override"}}, true},
	{{{"Resource-Priority", "drsn.priority"}}, true},
	{{{"Resource-Priority", "q735.0"}}, true},
	{{{"resource-priority", "ETS.0"}}, true},
	/* Routines, which may be on every call */
	{{{"Resource-Priority", "dsn.routine"}}, false},
	{{{"Resource-Priority", "DRSN.Routine"}}, false},
	{{{"Resource-Priority", "q735.4"}}, false},
	/* Several values */
	{{{"Resource-Priority", "dsn.routine, wps.0"}}, true},
	{{{"Resource-Priority", "wps.0 ,dsn.routine"}}, true},
	{{{"Resource-Priority", "dsn.routine,\r\n ets.0"}}, true},
	{{{"Resource-Priority", "dsn.routine"}, {"Resource-Priority", "ets.1"}}, true},
	{{{"Resource-Priority", "dsn.routine"}, {"Resource-Priority", "q735.4"}}, false},
	/* Nothing that says so */
	{{{"Resource-Priority", ""}}, false},
	{{{"Resource-Priority", ",,"}}, false},
	{{{"Resource-Priority", "ets."}}, false},
	{{{"Resource-Priority", "ets"}}, false},
	{{{"Resource-Priority", "xets.0"}}, false},
	{{{"Resource-Priority", "example.0"}}, false},
	{{{"Resource-Priority", "example.0 ets.0"}}, false},
	{{{"Accept-Resource-Priority", "ets.0"}}, false},
	{{{"Subject", "ets.0"}, {"Priority", "emergency"}}, false},
};

START_TEST(priority_is_asked_by)
{
	struct field fields[FIELDS_MAX];
	struct message message = {.fields = fields};
	for (size_t i = 0; i < FIELDS_MAX && rows[_i].fields[i].name; i++)
		fields[message.field_count++] =
			(struct field){slice_of(rows[_i].fields[i].name),
		                       slice_of(rows[_i].fields[i].value)};
	ck_assert_msg(priority_is_asked(&message) == rows[_i].asked, "row %d", _i);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("priority");
	TCase *tc = tcase_create("priority");
	tcase_add_loop_test(tc, priority_is_asked_by, 0, sizeof rows / sizeof rows[0]);
	suite_add_tcase(suite, tc);
	return suite;
}
