// Package protection changes what a repository is encrypted under: it turns encryption on and off, and changes the key.
//
// Turning it on or off follows docs/format.md, chapter 11: [BeginTurnOn] or [BeginTurnOff] (steps 1 and 2), a fresh backup
// and its proof by the caller (3), [Commit] (4), [DropOldEpochs] (5). Each may be called again after an interruption. Until
// step 4 [GiveUp] takes the change back. [ChangeKey] is one step (docs/format.md, chapter 4).
//
// It promises: cut off anywhere, the key that opened the repository still opens it, or the new one does, and every snapshot
// that counted counts. Nothing else may use the Repository meanwhile.
package protection
