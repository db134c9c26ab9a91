// Package store keeps objects at a destination: named, immutable runs of
// bytes, as a folder or a cloud can hold them.
//
//	s, err := store.OpenFolder("/media/usb/backup", store.FolderOptions{Create: true})
//	err = s.Put(ctx, "packs/3f/3f09…", pack)
//	err = s.ReadAt(ctx, "packs/3f/3f09…", buf, 4096)
//
// [Store] says what a destination must give; everything above it may rely on
// that and on nothing else. storetest.Run holds every implementation against
// it, and faultstore breaks it on purpose. Here are [Folder] (a local disk, a
// network drive, the synced folder of a cloud client) and [Memory] (tests).
//
// # Promises
//
// What Put or Replace answered with nil survives a power loss. Readers never
// see half an object under its name. Every error is an *[Error] that names
// operation, object and location, and wraps one of the package's sentinels
// when the cause is known.
//
// # What it does not do
//
// A store neither encrypts nor checks: a destination may hand out other bytes
// than were put, and the repository must notice. It does not retry; who calls
// knows how long waiting makes sense, and IsPermanent tells when it does not.
// It does not lock: two computers may write at once.
package store
