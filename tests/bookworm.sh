#!/bin/bash
# bookworm.sh FOLDER - unpacks a bare Debian 12 into FOLDER, with the package sources of this machine's apt.
#
# Made by debootstrap once a month and kept in ${XDG_CACHE_HOME:-~/.cache}/signpost. Needs root.
set -euo pipefail
folder=$1
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/signpost
tar=$cache/bookworm.tar

# What apt is set up with: "deb URI release component" for each Debian 12 archive.
# shellcheck disable=SC2016 # apt's own variables
archives=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
	awk '$3 ~ /^bookworm/')
mirror=$(awk '$3 == "bookworm" && !n++ { print $2 }' <<<"$archives")
[ -n "$mirror" ] || {
	echo "apt on this machine has no Debian 12 (bookworm) archive" >&2
	exit 1
}

if [ -z "$(find "$tar" -mtime -30 2>/dev/null)" ]; then
	echo "making a bare Debian 12 in $cache" >&2
	mkdir -p "$cache"
	work=$(mktemp -d "$cache/XXXXXX")
	trap 'rm -rf "$work"' EXIT
	debootstrap --variant=minbase --include=ca-certificates bookworm "$work/root" "$mirror" >"$work/log" 2>&1 || {
		tail -n 20 "$work/log" >&2
		exit 1
	}
	rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
	tar -C "$work/root" -cf "$work/tar" .
	mv "$work/tar" "$tar"
fi

mkdir -p "$folder"
tar -C "$folder" -xpf "$tar"
echo "$archives" >"$folder/etc/apt/sources.list"
apt-config dump | grep '^Acquire::' >"$folder/etc/apt/apt.conf.d/90host"
cp -a /etc/apt/auth.conf.d "$folder/etc/apt/" 2>/dev/null || true
cp -L /etc/resolv.conf /etc/hosts "$folder/etc/"
