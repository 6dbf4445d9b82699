package rendezvous

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"
)

// Found is what the environment says of a run of several processes.
type Found struct {
	// Launcher says who started the processes, as people call it.
	Launcher string
	// Coordinator is where process 0 is to listen, HOST:PORT.
	Coordinator string
	// Index is this process's number, of Count.
	Index, Count int
}

// A launcher knows the variables of those that one kind of program starts.
type launcher struct {
	name string
	// present is the variable without which it is not this launcher.
	present, index, count string // count is a number; of sliceHosts a list of so many names
	coordinator           func(getenv func(string) string) (string, error)
}

// launchers are tried in this order. Slurm's step variables are set by srun only, so the shell of a batch job does not
// count as a process of a run.
var launchers = []launcher{
	{"mocotpu launch", "MOCOTPU_PROCESS", "MOCOTPU_PROCESS", "MOCOTPU_PROCESSES", variable("MOCOTPU_COORDINATOR")},
	{"JAX's variables", "JAX_PROCESS_ID", "JAX_PROCESS_ID", "JAX_NUM_PROCESSES", variable("JAX_COORDINATOR_ADDRESS")},
	{"Slurm", "SLURM_STEP_NODELIST", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", slurmCoordinator},
	{"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", openMPICoordinator},
	{"torchrun", "MASTER_ADDR", "RANK", "WORLD_SIZE", torchCoordinator},
	{"a Kubernetes job", "JOB_COMPLETION_INDEX", "JOB_COMPLETION_INDEX", "MOCOTPU_PROCESSES", variable("MOCOTPU_COORDINATOR")},
	{"a TPU slice", "TPU_WORKER_ID", "TPU_WORKER_ID", sliceHosts, sliceCoordinator},
}

// sliceHosts lists the hosts of a TPU slice, in the order of their numbers: GKE sets it.
const sliceHosts = "TPU_WORKER_HOSTNAMES"

// Detect finds out from the environment whether this process is one of several, as launchers have it; ok is false where it
// is not. The error names the variable that is missing or wrong.
func Detect(getenv func(string) string) (found Found, ok bool, err error) {
	if getenv("MOCOTPU_PROCESS") != "" && getenv("MOCOTPU_PROCESSES") == "" {
		return found, false, fmt.Errorf("rendezvous: MOCOTPU_PROCESS=%q and MOCOTPU_PROCESSES is not set: want the number of processes there, or neither", getenv("MOCOTPU_PROCESS"))
	}
	for _, l := range launchers {
		if getenv(l.present) == "" || getenv(l.count) == "" {
			continue
		}
		found = Found{Launcher: l.name}
		if found.Index, err = number(getenv, l.index); err != nil {
			return found, false, err
		}
		if l.count == sliceHosts {
			found.Count = len(namesOf(getenv(l.count)))
		} else if found.Count, err = number(getenv, l.count); err != nil {
			return found, false, err
		}
		if found.Count < 2 {
			continue
		}
		if found.Coordinator, err = l.coordinator(getenv); err != nil {
			return found, false, fmt.Errorf("rendezvous: %s started %d processes: %w", l.name, found.Count, err)
		}
		return found, true, nil
	}
	if n := getenv("MOCOTPU_PROCESSES"); n != "" && n != "1" && getenv("MOCOTPU_PROCESS") == "" && getenv("JOB_COMPLETION_INDEX") == "" {
		return Found{}, false, fmt.Errorf("rendezvous: MOCOTPU_PROCESSES=%q and MOCOTPU_PROCESS is not set: want this process's number there, or neither", n)
	}
	return Found{}, false, nil
}

func number(getenv func(string) string, name string) (int, error) {
	n, err := strconv.Atoi(getenv(name))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("rendezvous: %s=%q, want a number", name, getenv(name))
	}
	return n, nil
}

// variable has the coordinator in a variable.
func variable(name string) func(func(string) string) (string, error) {
	return func(getenv func(string) string) (string, error) {
		if getenv(name) == "" {
			return "", fmt.Errorf("%s is not set: want the address of process 0 as HOST:PORT, or --coordinator", name)
		}
		return getenv(name), nil
	}
}

func torchCoordinator(getenv func(string) string) (string, error) {
	port, err := number(getenv, "MASTER_PORT")
	if err != nil {
		return "", err
	}
	// torchrun's own store listens at that port.
	return net.JoinHostPort(getenv("MASTER_ADDR"), strconv.Itoa(port+1)), nil
}

// slicePort is where process 0 of a TPU slice listens; libtpu itself has 8476 on each host.
const slicePort = "8482"

func sliceCoordinator(getenv func(string) string) (string, error) {
	if n := getenv("MEGASCALE_NUM_SLICES"); n != "" && n != "1" {
		return "", fmt.Errorf("MEGASCALE_NUM_SLICES=%q, want one slice: several are not supported", n)
	}
	return net.JoinHostPort(namesOf(getenv(sliceHosts))[0], slicePort), nil
}

// namesOf splits a list of names at commas and spaces. A comma may also stand at the end.
func namesOf(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

// jobPort derives a port from the job's number. All processes of a job get the same; other jobs on the machine rarely do.
// JAX uses the same rule.
func jobPort(id int) string { return strconv.Itoa(61440 + id%4096) }

func slurmCoordinator(getenv func(string) string) (string, error) {
	id, err := number(getenv, "SLURM_JOB_ID")
	if err != nil {
		return "", err
	}
	host, err := firstHost(getenv("SLURM_STEP_NODELIST"))
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, jobPort(id)), nil
}

// firstHost is the first host of a list in Slurm's words: "a[03-05,9],b" begins with a03.
func firstHost(list string) (string, error) {
	first, rest, bracket := strings.Cut(list, "[")
	if name, _, comma := strings.Cut(first, ","); comma || !bracket {
		return name, nil
	}
	inside, after, closed := strings.Cut(rest, "]")
	number := inside[:len(inside)-len(strings.TrimLeft(inside, "0123456789"))]
	if !closed || number == "" || strings.ContainsAny(after, "[") && !strings.Contains(after, ",") {
		return "", fmt.Errorf("SLURM_STEP_NODELIST=%q, want a list such as node[01-04]: or --coordinator", list)
	}
	suffix, _, _ := strings.Cut(after, ",")
	return first + number + suffix, nil
}

// openMPICoordinator takes the address from that of the launcher, "1531576320.0;tcp://10.96.0.1,10.148.0.1:34911", which is
// on the machine of process 0, and the port from the number of the job.
func openMPICoordinator(getenv func(string) string) (string, error) {
	const name = "OMPI_MCA_orte_hnp_uri"
	uri := getenv(name)
	job, addresses, ok := strings.Cut(uri, ".0;tcp://")
	id, err := strconv.Atoi(job)
	addresses, _, hasPort := strings.Cut(addresses, ":")
	first, _, _ := strings.Cut(addresses, ",")
	if !ok || err != nil || !hasPort || net.ParseIP(first) == nil {
		return "", fmt.Errorf("%s=%q, want the address of mpirun as Open MPI 4 has it: or --coordinator", name, uri)
	}
	return net.JoinHostPort(first, jobPort(id>>12)), nil
}
