package core

// Passwords holds the verbs about the password of the backup and the vault that checks it.
type Passwords struct{ app *App }

// Encryption holds the verbs about the key of the backup.
type Encryption struct{ app *App }

// Upkeep holds the verbs about stored data: verify, drill, prune, erase, repair.
type Upkeep struct{ app *App }

// Passwords returns the verbs about the password.
func (a *App) Passwords() Passwords { return Passwords{a} }

// Encryption returns the verbs about the key.
func (a *App) Encryption() Encryption { return Encryption{a} }

// Upkeep returns the verbs about what is stored.
func (a *App) Upkeep() Upkeep { return Upkeep{a} }
