package project

func (s *session) explain(err error) error { return err }
