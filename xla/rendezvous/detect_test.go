package rendezvous

import (
	"strings"
	"testing"
)

func TestDetect(t *testing.T) {
	const hnp = "1531576320.0;tcp://10.96.0.1,10.148.0.1:34911"
	for _, test := range []struct {
		name string
		env  string // NAME=value, separated by blanks
		want Found  // the zero value where there is no run
		says string // of the error
	}{
		{name: "nothing"},
		{name: "mocotpu", env: "MOCOTPU_PROCESS=1 MOCOTPU_PROCESSES=2 MOCOTPU_COORDINATOR=127.0.0.1:7700", want: Found{"mocotpu launch", "127.0.0.1:7700", 1, 2}},
		{name: "without the address", env: "MOCOTPU_PROCESS=1 MOCOTPU_PROCESSES=2", says: "MOCOTPU_COORDINATOR is not set"},
		{name: "without the number of processes", env: "MOCOTPU_PROCESS=1 MOCOTPU_COORDINATOR=127.0.0.1:7700", says: "MOCOTPU_PROCESSES is not set"},
		{name: "one process", env: "MOCOTPU_PROCESS=0 MOCOTPU_PROCESSES=1"},
		{name: "no number", env: "MOCOTPU_PROCESS=one MOCOTPU_PROCESSES=2", says: `MOCOTPU_PROCESS="one"`},
		{name: "JAX", env: "JAX_PROCESS_ID=3 JAX_NUM_PROCESSES=4 JAX_COORDINATOR_ADDRESS=node0:1234", want: Found{"JAX's variables", "node0:1234", 3, 4}},
		{
			name: "Slurm", env: "SLURM_JOB_ID=4099 SLURM_STEP_NODELIST=node[03-05,9],b SLURM_PROCID=2 SLURM_STEP_NUM_TASKS=4",
			want: Found{"Slurm", "node03:61443", 2, 4},
		},
		{name: "Slurm's single host", env: "SLURM_JOB_ID=7 SLURM_STEP_NODELIST=gpu-7 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=2", want: Found{"Slurm", "gpu-7:61447", 0, 2}},
		{name: "Slurm's list", env: "SLURM_JOB_ID=7 SLURM_STEP_NODELIST=a1,b[1-2] SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=3", want: Found{"Slurm", "a1:61447", 0, 3}},
		{name: "Slurm's suffix", env: "SLURM_JOB_ID=7 SLURM_STEP_NODELIST=rack[1-2]n,b SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=3", want: Found{"Slurm", "rack1n:61447", 0, 3}},
		{name: "a strange list", env: "SLURM_JOB_ID=7 SLURM_STEP_NODELIST=node[x] SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=3", says: "SLURM_STEP_NODELIST"},
		{name: "a batch job's own shell", env: "SLURM_JOB_ID=4099 SLURM_JOB_NODELIST=node[03-05] SLURM_PROCID=0 SLURM_NTASKS=4"},
		{name: "a job step of one task", env: "SLURM_JOB_ID=4099 SLURM_STEP_NODELIST=node03 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1"},
		{
			name: "Open MPI", env: "OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 OMPI_MCA_orte_hnp_uri=" + hnp,
			want: Found{"Open MPI", "10.96.0.1:62624", 1, 2},
		},
		{name: "Open MPI 5", env: "OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2", says: "--coordinator"},
		{name: "torchrun", env: "RANK=5 LOCAL_RANK=1 WORLD_SIZE=8 MASTER_ADDR=node0 MASTER_PORT=29500", want: Found{"torchrun", "node0:29501", 5, 8}},
		{name: "torchrun, one", env: "RANK=0 WORLD_SIZE=1 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500"},
		{name: "torchrun without a port", env: "RANK=5 WORLD_SIZE=8 MASTER_ADDR=node0", says: "MASTER_PORT"},
		{
			name: "Kubernetes", env: "KUBERNETES_SERVICE_HOST=10.0.0.1 JOB_COMPLETION_INDEX=1 MOCOTPU_PROCESSES=2 MOCOTPU_COORDINATOR=run-0.run:7700",
			want: Found{"a Kubernetes job", "run-0.run:7700", 1, 2},
		},
		{name: "an indexed job of runs of their own", env: "KUBERNETES_SERVICE_HOST=10.0.0.1 JOB_COMPLETION_INDEX=1"},
		{
			name: "torchrun within Slurm", env: "SLURM_JOB_ID=9 SLURM_STEP_NODELIST=a SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1 RANK=1 WORLD_SIZE=2 MASTER_ADDR=a MASTER_PORT=1",
			want: Found{"torchrun", "a:2", 1, 2},
		},
		{name: "a TPU slice", env: "TPU_WORKER_ID=2 TPU_WORKER_HOSTNAMES=w-0.s,w-1.s,w-2.s,w-3.s", want: Found{"a TPU slice", "w-0.s:8482", 2, 4}},
		{name: "a list with a comma at its end", env: "TPU_WORKER_ID=1 TPU_WORKER_HOSTNAMES=a,b,", want: Found{"a TPU slice", "a:8482", 1, 2}},
		{name: "one host and a comma", env: "TPU_WORKER_ID=0 TPU_WORKER_HOSTNAMES=localhost,"},
		{name: "no host at all", env: "TPU_WORKER_ID=0 TPU_WORKER_HOSTNAMES=,"},
		{name: "a TPU of one host", env: "TPU_WORKER_ID=0 TPU_WORKER_HOSTNAMES=localhost"},
		{name: "TPU slices", env: "TPU_WORKER_ID=0 TPU_WORKER_HOSTNAMES=a,b MEGASCALE_NUM_SLICES=2", says: "MEGASCALE_NUM_SLICES"},
	} {
		t.Run(test.name, func(t *testing.T) {
			env := map[string]string{}
			for _, word := range strings.Fields(test.env) {
				name, value, _ := strings.Cut(word, "=")
				env[name] = value
			}
			got, ok, err := Detect(func(name string) string { return env[name] })
			switch {
			case test.says != "":
				if err == nil || ok || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%+v, %t, error %v, want one that says %q", got, ok, err, test.says)
				}
			case err != nil || ok != (test.want != Found{}) || got != test.want:
				t.Errorf("got %+v, %t, %v, want %+v", got, ok, err, test.want)
			}
		})
	}
}
