#!/bin/sh
# An image of Debian, minimal: debian.sh SUITE FOLDER MIRROR. In memory, for speed; within `unshare --mount`, with which it goes.
set -eu
mount -t tmpfs tmpfs "$2"
debootstrap --variant=minbase "$1" "$2" "$3" > "$2.log"
cd "$2"
rm -rf etc/apt/sources.list etc/resolv.conf etc/hostname var/cache/apt/*.bin var/cache/apt/archives/*.deb var/lib/apt/lists/* var/log/*
tar -c --one-file-system . | docker import - "cir-offline/debian:$1"
