#!/usr/bin/env bash
# stress.sh [runs] [at once]: the tests on eight devices again and again, more of them at once than there are cores, so that
# each keeps the cores busy for the others. A test that uses no processor for two minutes hangs, however slow the machine
# is: the stacks of all threads go into bin/stress (gdb's where there is one, and Go's), and it ends with exit status 1.
set -euo pipefail
runs=${1:-60}
lanes=${2:-$(($(nproc) + 1))}
idle=120 # seconds
out=$PWD/bin/stress
rm -rf "$out"
mkdir -p "$out"

packages=(xla xla/mesh xla/cpuplugin models/moco)
tests='^Test(EightDevicesGiveTheNumbersOfOne|AllReduceOnEightDevices|Collectives|LaunchesDoNotMeet|DeviceFails|DeviceLate'
tests+='|TwoEngines|ResultsKnowTheirPlace|Slots|DestroyInAnyOrder|BadArguments)$'
for p in "${packages[@]}"; do
	go test -c -o "$out/${p//\//-}.test" "./$p"
done

# The runs after the first take the compiled programs of it: what is stressed is execution.
export MOCOTPU_TEST_PROGRAMS=$out/programs

# The processor time that a process has used, in ticks of 10 ms.
used() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '{print $12 + $13}'; }

stacks() { # pid, file
	if command -v gdb >/dev/null; then
		gdb -p "$1" -batch -ex 'set pagination off' -ex 'thread apply all bt' >"$2" 2>&1 || true
	fi
	kill -QUIT "$1" 2>/dev/null || true # Go's stacks go to the log
	sleep 5
	kill -KILL "$1" 2>/dev/null || true
}

one() { # run, package
	local run=$1 p=$2 log=$out/run$1-${2//\//-}.log ticks=0 since=$SECONDS now pid
	(cd "$p" && exec "$out/${p//\//-}.test" -test.count=1 -test.v -test.run "$tests") >"$log" 2>&1 &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		now=$(used "$pid") || true # it has just ended
		if ((${now:-0} > ticks + 50)); then
			ticks=$now
			since=$SECONDS
		elif ((SECONDS - since > idle)); then
			stacks "$pid" "$out/run$run-${p//\//-}.stacks"
			echo "stress: run $run of $p has been idle for $idle s: its stacks are in $out/run$run-${p//\//-}.*"
			return 1
		fi
		sleep 0.2
	done
	if ! wait "$pid"; then
		echo "stress: run $run of $p failed: $log"
		tail -40 "$log"
		return 1
	fi
	if grep -q 'no progress for' "$log"; then
		echo "stress: run $run of $p: $(grep -m1 'no progress for' "$log")"
	fi
	rm "$log"
}

lane() { # first run
	local run p
	for ((run = $1; run <= runs; run += lanes)); do
		for p in "${packages[@]}"; do
			[ ! -e "$out/failed" ] && one "$run" "$p" || { touch "$out/failed"; return 1; }
		done
		echo "stress: $run of $runs, $SECONDS s"
	done
}

for ((i = 1; i <= lanes; i++)); do
	lane "$i" &
done
wait
[ ! -e "$out/failed" ]
