package project

import "github.com/compose-spec/compose-go/v2/types"

func (s *session) check(p *types.Project) error      { return nil }
func (s *session) checkFiles(p *types.Project) error { return nil }
