#!/bin/sh
# packages.sh WHY PACKAGE... - installs the Debian packages that are missing.
#
# Says what and why first. When nothing is missing it does nothing, and is quick.
set -eu
why=$1
shift

if ! command -v dpkg-query >/dev/null; then
	echo "not a Debian system: needed $why, please see to them: $*" >&2
	exit 0
fi
missing=
for package; do
	case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
	installed) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

echo "installing$missing ($why)"
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || {
		echo "neither root nor sudo: please have them installed: apt-get install$missing" >&2
		exit 1
	}
	exec sudo "$0" "$why" "$@"
fi

# No daemon may start: Kamailio's would take port 5060. policy-rc.d(8) holds back the start at
# installation, the mask the start at the next boot (`systemctl unmask kamailio` undoes it).
policy=/usr/sbin/policy-rc.d
log=$(mktemp)
made=
trap 'rm -f "$log" $made' EXIT
if [ ! -e $policy ]; then
	made=$policy
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi
case $missing in
*kamailio*)
	unit=/etc/systemd/system/kamailio.service
	mkdir -p ${unit%/*}
	[ -e $unit ] || ln -sf /dev/null $unit
	;;
esac

export DEBIAN_FRONTEND=noninteractive
apt="apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0"
# shellcheck disable=SC2086 # both are lists of words
if ! { $apt update || :; $apt install $missing; } >"$log" 2>&1 </dev/null; then
	tail -n 30 "$log" >&2
	echo "could not install$missing" >&2
	exit 1
fi
