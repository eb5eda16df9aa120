/* SPDX-License-Identifier: MIT */
#ifndef TESTS_RUNNER_H
#define TESTS_RUNNER_H
#include <check.h>

/* Each test file defines this; runner.c has the only main(). */
Suite *test_suite(void);
#endif
