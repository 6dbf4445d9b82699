package cpuplugin_test

import (
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/gomlx/go-xla/pjrt"
	"github.com/mocotpu/mocotpu/xla/setup"
)

var load = sync.OnceValues(func() (*pjrt.Plugin, error) {
	p, err := setup.Find("cpu")
	if err != nil {
		return nil, err
	}
	return pjrt.GetPlugin(p.Path)
})

// newClient opens the installed CPU plugin; the client is destroyed when the test ends. Where there is no plugin the
// test is skipped with the reason, but fails in continuous integration.
func newClient(t *testing.T, devices int) *pjrt.Client {
	t.Helper()
	plugin, err := load()
	if errors.Is(err, setup.ErrNotInstalled) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	client, err := plugin.NewClient(pjrt.NamedValuesMap{"cpu_device_count": int64(devices)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Destroy() }) // some tests have done it
	return client
}

func compile(t *testing.T, client *pjrt.Client, replicas int, program string) *pjrt.LoadedExecutable {
	t.Helper()
	exe, err := compiling(client, replicas, program).Done()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// compiling is the compilation of a program for any one device (replicas 0), or for that many replicas.
func compiling(client *pjrt.Client, replicas int, program string) *pjrt.CompileConfig {
	c := client.Compile().WithStableHLO([]byte(program))
	if replicas > 0 {
		c = c.WithSPMD(replicas)
	}
	return c
}

func fromHost[T any](t *testing.T, client *pjrt.Client, device int, flat []T, dims ...int) *pjrt.Buffer {
	t.Helper()
	b, err := client.BufferFromHost().FromFlatDataWithDimensions(flat, dims).ToDeviceNum(device).Done()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func toHost[T any](t *testing.T, b *pjrt.Buffer) []T {
	t.Helper()
	flat, _, err := b.ToFlatDataAndDimensions()
	if err != nil {
		t.Fatal(err)
	}
	return flat.([]T)
}
