#!/usr/bin/env bash
# stress.sh [runs]: the tests on eight devices again and again, while other processes keep all cores busy. At a hang, the
# stacks of all threads go into bin/stress (gdb's, or Go's where there is no gdb), and it ends with exit status 1.
set -euo pipefail
runs=${1:-200}
limit=${STRESS_LIMIT:-600} # seconds for the tests of one package; they take about ten each, alone
out=$PWD/bin/stress
rm -rf "$out"
mkdir -p "$out"

packages=(xla xla/mesh xla/cpuplugin models/moco)
tests='Eight|Collective|AllReduce|Launches|DeviceFails|DeviceLate|TwoEngines|Donation|Slot|DestroyInAnyOrder|BadArguments|Devices'
for p in "${packages[@]}"; do
	go test -c -o "$out/${p//\//-}.test" "./$p"
done

busy=()
# End what was started here, by id.
trap 'kill "${busy[@]}" 2>/dev/null || true' EXIT
for _ in $(seq $((2 * $(nproc)))); do
	sh -c 'while :; do :; done' &
	busy+=($!)
done

stacks() { # pid, file
	if command -v gdb >/dev/null; then
		gdb -p "$1" -batch -ex 'set pagination off' -ex 'thread apply all bt' >"$2" 2>&1 || true
	fi
	kill -QUIT "$1" 2>/dev/null || true # Go's stacks go to the log
	sleep 5
	kill -KILL "$1" 2>/dev/null || true
}

for run in $(seq "$runs"); do
	for p in "${packages[@]}"; do
		log=$out/run$run-${p//\//-}.log
		(cd "$p" && exec "$out/${p//\//-}.test" -test.count=1 -test.v -test.run "$tests") >"$log" 2>&1 &
		pid=$!
		began=$SECONDS
		while kill -0 "$pid" 2>/dev/null; do
			if ((SECONDS - began > limit)); then
				stacks "$pid" "$out/run$run-${p//\//-}.stacks"
				echo "stress: run $run of $p hung for $limit s: its stacks are in $out/run$run-${p//\//-}.*"
				exit 1
			fi
			sleep 0.2
		done
		if ! wait "$pid"; then
			echo "stress: run $run of $p failed: $log"
			tail -40 "$log"
			exit 1
		fi
		if grep -q 'no progress for' "$log"; then
			echo "stress: run $run of $p: $(grep -m1 'no progress for' "$log")"
		fi
		rm "$log"
	done
	echo "stress: $run of $runs, $SECONDS s"
done
