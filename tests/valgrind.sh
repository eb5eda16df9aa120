#!/bin/sh
# valgrind.sh - the debug program under valgrind's memcheck, for `make check-valgrind`. What it finds goes where
# VALGRIND_OPTS says; what is lost at the end is an error too.
exec valgrind -q --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
	--error-exitcode=99 "$(dirname "$0")/../build/debug/signpost" "$@"
