// Package train runs a configuration: it reads images, steps, evaluates, reports, and saves, over interruptions and
// devices that fail. In the order of a run:
//
//	train.go     Train: from a configuration to a result
//	session.go   what a process holds of a run; opens data and directory, compiles
//	data.go      both splits, checked against each other
//	init.go      the weights that a run starts from; resumefrom.go the whole state of another program's checkpoint
//	peers.go     what the processes of one run tell each other
//	loop.go      the loop over steps
//	feed.go      the inputs of a step, made and brought to the devices while the step before runs
//	figures.go   what steps return, gathered into rows
//	finite.go    what is NaN or infinite first, when something is
//	monitor.go   the encoder judged between epochs; evaluate.go says when, expect.go whether to go on
//	diagnosis.go what went wrong, in plain sentences
//	save.go      when a checkpoint is due; snapshot.go copies the state, saver.go writes beside training
//	reload.go    going on after a device failed
//	broken.go    images that could not be decoded
//	tensorboard.go  the metrics as TensorBoard's events, too
//
// # Errors
//
// Everything returns errors. Callers may act on [ErrInterrupted], [ErrExpected], [ErrDiverged], [ErrOtherRun], and those of
// packages run, checkpoint, dataset and data.
//
// # Determinism
//
// What is trained is a pure function of the configuration, the data and the number of BatchNorm groups, bit for bit on
// one engine and number of devices, whatever the interruptions.
package train
