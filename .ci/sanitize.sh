#!/usr/bin/env bash
# sanitize.sh: builds the CPU plugin with AddressSanitizer and UndefinedBehaviorSanitizer into bin/sanitize, and runs its
# tests there, with those of package xla on several devices and on faults.
#
# ThreadSanitizer needs every library of the process to be built with it. The wheel's is not: its atomics and locks would
# go unseen, and nearly all that crosses into it look like a race.
set -euo pipefail

# g++ 12 takes no null checks within constant expressions of absl's; the wheel hides the type information that vptr needs.
# absl's containers look different where they know of the sanitizer, and the wheel's do not.
kinds="-U__SANITIZE_ADDRESS__ -fsanitize=address,undefined -fno-sanitize=vptr,null,nonnull-attribute,returns-nonnull-attribute"
export MOCOTPU_HOME=$PWD/bin/sanitize
# Leaks are those of Go and the wheel, which free nothing at their end. memmem looks through whole libraries for names of
# flags, and so between their strings.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:intercept_memmem=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
preload="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)"

go test -c -o bin/sanitize/cpuplugin.test ./xla/cpuplugin
go test -c -o bin/sanitize/xla.test ./xla
CXXFLAGS="$kinds -fno-sanitize-recover=undefined" LD_PRELOAD=$preload bin/mocotpu setup cpu
export LD_PRELOAD=$preload CI=true
# These measure resident pages, and the sanitizer keeps what is freed.
(cd xla/cpuplugin && "$MOCOTPU_HOME/cpuplugin.test" -test.count=1 -test.skip "TestLargeArraysReuseMemory|TestKeptMemory")
(cd xla && "$MOCOTPU_HOME/xla.test" -test.count=1 -test.run 'Device|Close|Launches|Shared|BadFault|Donat|TwoEngines')
