#!/bin/sh
# The container's entry point: serves, or runs `signpost ARGUMENTS` when given some.
#
# A folder mounted at /etc/signpost may hold only a rules.yaml: then the image's own settings apply.
[ $# = 0 ] || exec signpost "$@"
settings=/etc/signpost/signpost.yaml
[ -e $settings ] || settings=/usr/local/share/signpost/signpost.yaml
exec signpost serve -c $settings
