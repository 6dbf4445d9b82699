package train

import "context"

// evaluationDue says whether the encoder is to be judged after the steps done: before training, every so many epochs,
// and at the end, once each.
func (s *session) evaluationDue() bool {
	if _, already := s.scores[s.done]; already || s.judged == nil {
		return false
	}
	epochEnds := s.done%s.perEpoch == 0 && (s.done/s.perEpoch)%s.config.KNN.Every == 0
	return epochEnds || s.done >= s.total
}

// evaluate judges the encoder, writes the row, and tells whether it is better than ever. It gives up with the context.
func (s *session) evaluate(ctx context.Context) (better bool, err error) {
	s.report.Stage("judging the encoder")
	judge := s.monitor.current
	if s.done == 0 {
		judge = s.monitor.before
	}
	row, err := judge(ctx)
	if err != nil {
		return false, err
	}
	if !s.leads() {
		s.scores[s.done] = 0 // process 0 knows it
		return false, nil
	}
	row.Step, row.Epoch = s.done, s.done/s.perEpoch
	if err := s.metrics.Write(row); err != nil {
		return false, err
	}
	mine := s.config.Run.Score(row)
	better = s.done > 0
	for step, score := range s.scores {
		better = better && (step == 0 || mine > score)
	}
	s.scores[s.done] = mine
	s.report.KNN(row)
	s.notes(s.diagnoser.knn(row))
	return better, nil
}
