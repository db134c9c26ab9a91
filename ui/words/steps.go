package words

import "github.com/holdfast-backup/holdfast/core"

var steps = map[core.Step]string{
	core.StepPreparing: "Preparing",
	core.StepBackingUp: "Backing up",
	core.StepFinishing: "Finishing",
	core.StepProving:   "Reading the new backup back",
	core.StepMoving:    "Storing anew what stays",
	core.StepDeleting:  "Removing what is not needed any more",
	core.StepRestoring: "Restoring",
	core.StepChecking:  "Checking",
}

// Step words what a long work is at.
func (w Words) Step(s core.Step) string { return w.Say(steps[s], nil) }
