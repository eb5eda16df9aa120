# shellcheck shell=bash
# checks.sh - read by the scripts that put a machine to the test: counts checks, as run.py counts tests.
#
# $work is a folder of the script's. Counts go on from PASSED where one part of a script hands over to the next.
: "${work:?}"
passed=${PASSED:-0} failed=0

# ok TEXT COMMAND...: one check. Its last lines are shown when it fails, and what the script's show_more prints.
ok() {
	local text=$1 start=$SECONDS
	shift
	if "$@" >"$work/out" 2>&1 </dev/null; then
		echo "ok - $text ($((SECONDS - start)) s)"
		passed=$((passed + 1))
	else
		echo "not ok - $text"
		tail -n 40 "$work/out" | sed 's/^/    /'
		if [ "$(type -t show_more)" = function ]; then show_more; fi
		failed=$((failed + 1))
	fi
}

# The last line, and whether all is well.
sum_up() {
	echo "$passed passed, $failed failed"
	[ $failed = 0 ]
}
