package core

// Passwords is what an App does with the password of its backup, and with the vault that checks it.
type Passwords struct{ app *App }

// Encryption is what an App does with the key of its backup.
type Encryption struct{ app *App }

// Upkeep is what an App does to what is stored: it looks whether all is whole, deletes what is not kept, and mends.
type Upkeep struct{ app *App }

// Passwords returns the verbs about the password.
func (a *App) Passwords() Passwords { return Passwords{a} }

// Encryption returns the verbs about the key.
func (a *App) Encryption() Encryption { return Encryption{a} }

// Upkeep returns the verbs about what is stored.
func (a *App) Upkeep() Upkeep { return Upkeep{a} }
