package mesh

import (
	"fmt"

	"github.com/gomlx/compute"
)

// Spread is a backend whose devices may be those of several processes.
type Spread interface {
	// LocalDevices are the places of this process's devices in a mesh over all: count from first on.
	LocalDevices() (first, count int)
	// DeviceAt is the backend's number of the device at a place of such a mesh.
	DeviceAt(place int) compute.DeviceNum
}

// share finds out which places are this process's.
func (m *Mesh) share() error {
	s, ok := m.backend.(Spread)
	if !ok {
		return nil
	}
	first, local := s.LocalDevices()
	switch {
	case m.devices <= local: // the backend's first devices are always here
		return nil
	case m.devices < m.backend.NumDevices():
		return fmt.Errorf("mesh: %d devices, want at most the %d of this process, or all %d of all processes",
			m.devices, local, m.backend.NumDevices())
	}
	m.first, m.local = first, local
	for place := range m.devices {
		m.assignment = append(m.assignment, s.DeviceAt(place))
	}
	return nil
}

// device is the backend's number of the device at a place.
func (m *Mesh) device(place int) compute.DeviceNum {
	if m.assignment == nil {
		return compute.DeviceNum(place)
	}
	return m.assignment[place]
}

// isLocal tells whether a place is a device of this process.
func (m *Mesh) isLocal(place int) bool { return place >= m.first && place < m.first+m.local }
