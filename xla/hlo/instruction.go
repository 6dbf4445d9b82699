package hlo

// readInstruction reads an HloInstructionProto.
func readInstruction(b []byte) (*Instruction, error) {
	i := &Instruction{FeatureGroup: 1, BatchGroup: 1}
	err := fields(b, func(f field) (err error) {
		switch f.num {
		case 1:
			i.Name = string(f.bytes)
		case 2:
			i.Opcode = string(f.bytes)
		case 3:
			i.Shape, err = readShape(f.bytes)
		case 7:
			i.OpName, err = readOpName(f.bytes)
		case 9:
			i.Parameter = int64(f.varint)
		case 13:
			i.TupleIndex = int64(f.varint)
		case 15:
			i.Window, err = readWindow(f.bytes)
		case 16:
			i.Conv, err = readConvDims(f.bytes)
		case 26:
			i.Channel = int64(f.varint)
		case 28:
			i.Target = string(f.bytes)
		case 35:
			i.ID = int64(f.varint)
		case 36:
			i.Operands, err = appendInts(i.Operands, f)
		case 38:
			i.Called, err = appendInts(i.Called, f)
		case 43:
			i.Config = append([]byte(nil), f.bytes...)
		case 49:
			var g []int64
			g, err = readGroup(f.bytes)
			i.Groups = append(i.Groups, g)
		case 50:
			i.FeatureGroup = max(1, int64(f.varint))
		case 58:
			i.BatchGroup = max(1, int64(f.varint))
		case 87:
			i.Groups, err = readDeviceList(f.bytes)
		case 92:
			i.Groups, err = readIota(f.bytes)
		case 93:
			i.Groups, err = readMeshAxes(f.bytes)
		}
		return err
	})
	return i, within("instruction "+i.Name, err)
}

// readOpName reads the name out of an OpMetadata.
func readOpName(b []byte) (name string, err error) {
	err = fields(b, func(f field) error {
		if f.num == 2 {
			name = string(f.bytes)
		}
		return nil
	})
	return name, within("metadata", err)
}

// readWindow reads a Window.
func readWindow(b []byte) ([]WindowDim, error) {
	var w []WindowDim
	err := fields(b, func(f field) error {
		if f.num != 1 {
			return nil
		}
		d := WindowDim{Dilation: 1, BaseDilation: 1}
		to := []*int64{1: &d.Size, 2: &d.Stride, 3: &d.PadLow, 4: &d.PadHigh, 5: &d.Dilation, 6: &d.BaseDilation}
		err := fields(f.bytes, func(f field) error {
			switch {
			case f.num >= 1 && int(f.num) < len(to):
				*to[f.num] = int64(f.varint)
			case f.num == 7:
				d.Reversed = f.varint != 0
			}
			return nil
		})
		w = append(w, d)
		return err
	})
	return w, within("window", err)
}

// readConvDims reads a ConvolutionDimensionNumbers.
func readConvDims(b []byte) (*ConvDims, error) {
	d := &ConvDims{}
	err := fields(b, func(f field) (err error) {
		switch f.num {
		case 3:
			d.KernelInput = int64(f.varint)
		case 4:
			d.KernelOutput = int64(f.varint)
		case 6:
			d.KernelSpatial, err = appendInts(d.KernelSpatial, f)
		case 7:
			d.InputBatch = int64(f.varint)
		case 8:
			d.InputFeature = int64(f.varint)
		case 9:
			d.OutputBatch = int64(f.varint)
		case 10:
			d.OutputFeature = int64(f.varint)
		case 11:
			d.InputSpatial, err = appendInts(d.InputSpatial, f)
		case 12:
			d.OutputSpatial, err = appendInts(d.OutputSpatial, f)
		}
		return err
	})
	return d, within("convolution dimensions", err)
}
