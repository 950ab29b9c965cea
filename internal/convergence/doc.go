// Package convergence holds the tests that show what no single stage can: that
// planning and executing, over and over, with failures and kills at any step,
// always leads to what the files say and loses no data on the way. It has no
// code of its own.
package convergence
