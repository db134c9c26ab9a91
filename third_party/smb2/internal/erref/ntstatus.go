package erref

import "fmt"

// NTStatus values are published at https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-erref/596a1078-e883-4972-9bbc-49e60bebca55
type NtStatus uint32

func (e NtStatus) Error() string {
	if s, ok := ntStatusStrings[e]; ok {
		return s
	}
	return fmt.Sprintf("status %#08x", uint32(e))
}

const (
	STATUS_SUCCESS                  NtStatus = 0x00000000
	STATUS_PENDING                  NtStatus = 0x00000103
	STATUS_NOTIFY_ENUM_DIR          NtStatus = 0x0000010C
	STATUS_BUFFER_OVERFLOW          NtStatus = 0x80000005
	STATUS_NO_MORE_FILES            NtStatus = 0x80000006
	STATUS_STOPPED_ON_SYMLINK       NtStatus = 0x8000002D
	STATUS_INVALID_PARAMETER        NtStatus = 0xC000000D
	STATUS_NO_SUCH_FILE             NtStatus = 0xC000000F
	STATUS_INVALID_DEVICE_REQUEST   NtStatus = 0xC0000010
	STATUS_END_OF_FILE              NtStatus = 0xC0000011
	STATUS_MORE_PROCESSING_REQUIRED NtStatus = 0xC0000016
	STATUS_ACCESS_DENIED            NtStatus = 0xC0000022
	STATUS_OBJECT_NAME_INVALID      NtStatus = 0xC0000033
	STATUS_OBJECT_NAME_NOT_FOUND    NtStatus = 0xC0000034
	STATUS_OBJECT_NAME_COLLISION    NtStatus = 0xC0000035
	STATUS_OBJECT_PATH_NOT_FOUND    NtStatus = 0xC000003A
	STATUS_OBJECT_PATH_SYNTAX_BAD   NtStatus = 0xC000003B
	STATUS_SHARING_VIOLATION        NtStatus = 0xC0000043
	STATUS_QUOTA_EXCEEDED           NtStatus = 0xC0000044
	STATUS_FILE_LOCK_CONFLICT       NtStatus = 0xC0000054
	STATUS_DELETE_PENDING           NtStatus = 0xC0000056
	STATUS_NO_LOGON_SERVERS         NtStatus = 0xC000005E
	STATUS_NO_SUCH_USER             NtStatus = 0xC0000064
	STATUS_WRONG_PASSWORD           NtStatus = 0xC000006A
	STATUS_LOGON_FAILURE            NtStatus = 0xC000006D
	STATUS_ACCOUNT_RESTRICTION      NtStatus = 0xC000006E
	STATUS_INVALID_LOGON_HOURS      NtStatus = 0xC000006F
	STATUS_INVALID_WORKSTATION      NtStatus = 0xC0000070
	STATUS_PASSWORD_EXPIRED         NtStatus = 0xC0000071
	STATUS_ACCOUNT_DISABLED         NtStatus = 0xC0000072
	STATUS_DISK_FULL                NtStatus = 0xC000007F
	STATUS_INSUFFICIENT_RESOURCES   NtStatus = 0xC000009A
	STATUS_MEDIA_WRITE_PROTECTED    NtStatus = 0xC00000A2
	STATUS_IO_TIMEOUT               NtStatus = 0xC00000B5
	STATUS_FILE_IS_A_DIRECTORY      NtStatus = 0xC00000BA
	STATUS_NOT_SUPPORTED            NtStatus = 0xC00000BB
	STATUS_BAD_NETWORK_PATH         NtStatus = 0xC00000BE
	STATUS_NETWORK_NAME_DELETED     NtStatus = 0xC00000C9
	STATUS_BAD_NETWORK_NAME         NtStatus = 0xC00000CC
	STATUS_REQUEST_NOT_ACCEPTED     NtStatus = 0xC00000D0
	STATUS_NOT_SAME_DEVICE          NtStatus = 0xC00000D4
	STATUS_DIRECTORY_NOT_EMPTY      NtStatus = 0xC0000101
	STATUS_NOT_A_DIRECTORY          NtStatus = 0xC0000103
	STATUS_TOO_MANY_OPENED_FILES    NtStatus = 0xC000011F
	STATUS_CANNOT_DELETE            NtStatus = 0xC0000121
	STATUS_FILE_CLOSED              NtStatus = 0xC0000128
	STATUS_LOGON_TYPE_NOT_GRANTED   NtStatus = 0xC000015B
	STATUS_IO_DEVICE_ERROR          NtStatus = 0xC0000185
	STATUS_ACCOUNT_EXPIRED          NtStatus = 0xC0000193
	STATUS_USER_SESSION_DELETED     NtStatus = 0xC0000203
	STATUS_INSUFF_SERVER_RESOURCES  NtStatus = 0xC0000205
	STATUS_CONNECTION_DISCONNECTED  NtStatus = 0xC000020C
	STATUS_CONNECTION_RESET         NtStatus = 0xC000020D
	STATUS_PASSWORD_MUST_CHANGE     NtStatus = 0xC0000224
	STATUS_NOT_FOUND                NtStatus = 0xC0000225
	STATUS_ACCOUNT_LOCKED_OUT       NtStatus = 0xC0000234
	STATUS_USER_MAPPED_FILE         NtStatus = 0xC0000243
	STATUS_NETWORK_SESSION_EXPIRED  NtStatus = 0xC000035C
	STATUS_DISK_QUOTA_EXCEEDED      NtStatus = 0xC0000802
)

var ntStatusStrings = map[NtStatus]string{
	STATUS_SUCCESS:                  "The operation completed successfully. ",
	STATUS_PENDING:                  "The operation that was requested is pending completion.",
	STATUS_NOTIFY_ENUM_DIR:          "Indicates that a notify change request is being completed and that the information is not being returned in the caller's buffer. The caller now needs to enumerate the files to find the changes.",
	STATUS_BUFFER_OVERFLOW:          "{Buffer Overflow} The data was too large to fit into the specified buffer.",
	STATUS_NO_MORE_FILES:            "{No More Files} No more files were found which match the file specification.",
	STATUS_STOPPED_ON_SYMLINK:       "The create operation stopped after reaching a symbolic link.",
	STATUS_INVALID_PARAMETER:        "An invalid parameter was passed to a service or function.",
	STATUS_NO_SUCH_FILE:             "{File Not Found} The file %hs does not exist.",
	STATUS_INVALID_DEVICE_REQUEST:   "The specified request is not a valid operation for the target device.",
	STATUS_END_OF_FILE:              "The end-of-file marker has been reached. There is no valid data in the file beyond this marker.",
	STATUS_MORE_PROCESSING_REQUIRED: "{Still Busy} The specified I/O request packet (IRP) cannot be disposed of because the I/O operation is not complete.",
	STATUS_ACCESS_DENIED:            "{Access Denied} A process has requested access to an object but has not been granted those access rights.",
	STATUS_OBJECT_NAME_INVALID:      "The object name is invalid.",
	STATUS_OBJECT_NAME_NOT_FOUND:    "The object name is not found.",
	STATUS_OBJECT_NAME_COLLISION:    "The object name already exists.",
	STATUS_OBJECT_PATH_NOT_FOUND:    "{Path Not Found} The path %hs does not exist.",
	STATUS_OBJECT_PATH_SYNTAX_BAD:   "The object path component was not a directory object.",
	STATUS_SHARING_VIOLATION:        "A file cannot be opened because the share access flags are incompatible.",
	STATUS_QUOTA_EXCEEDED:           "Insufficient quota exists to complete the operation.",
	STATUS_FILE_LOCK_CONFLICT:       "A requested read/write cannot be granted due to a conflicting file lock.",
	STATUS_DELETE_PENDING:           "A non-close operation has been requested of a file object that has a delete pending.",
	STATUS_NO_LOGON_SERVERS:         "No logon servers are currently available to service the logon request.",
	STATUS_NO_SUCH_USER:             "The specified account does not exist.",
	STATUS_WRONG_PASSWORD:           "When trying to update a password, this return status indicates that the value provided as the current password is not correct.",
	STATUS_LOGON_FAILURE:            "The attempted logon is invalid. This is either due to a bad username or authentication information.",
	STATUS_ACCOUNT_RESTRICTION:      "Indicates a referenced user name and authentication information are valid, but some user account restriction has prevented successful authentication (such as time-of-day restrictions).",
	STATUS_INVALID_LOGON_HOURS:      "The user account has time restrictions and may not be logged onto at this time.",
	STATUS_INVALID_WORKSTATION:      "The user account is restricted so that it may not be used to log on from the source workstation.",
	STATUS_PASSWORD_EXPIRED:         "The user account password has expired.",
	STATUS_ACCOUNT_DISABLED:         "The referenced account is currently disabled and may not be logged on to.",
	STATUS_DISK_FULL:                "An operation failed because the disk was full.",
	STATUS_INSUFFICIENT_RESOURCES:   "Insufficient system resources exist to complete the API.",
	STATUS_MEDIA_WRITE_PROTECTED:    "{Write Protect Error} The disk cannot be written to because it is write-protected. Remove the write protection from the volume %hs in drive %hs.",
	STATUS_IO_TIMEOUT:               "{Device Timeout} The specified I/O operation on %hs was not completed before the time-out period expired.",
	STATUS_FILE_IS_A_DIRECTORY:      "The file that was specified as a target is a directory, and the caller specified that it could be anything but a directory.",
	STATUS_NOT_SUPPORTED:            "The request is not supported.",
	STATUS_BAD_NETWORK_PATH:         "The network path cannot be located.",
	STATUS_NETWORK_NAME_DELETED:     "The network name was deleted.",
	STATUS_BAD_NETWORK_NAME:         "{Network Name Not Found} The specified share name cannot be found on the remote server.",
	STATUS_REQUEST_NOT_ACCEPTED:     "No more connections can be made to this remote computer at this time because the computer has already accepted the maximum number of connections.",
	STATUS_NOT_SAME_DEVICE:          "{Incorrect Volume} The destination file of a rename request is located on a different device than the source of the rename request.",
	STATUS_DIRECTORY_NOT_EMPTY:      "Indicates that the directory trying to be deleted is not empty.",
	STATUS_NOT_A_DIRECTORY:          "A requested opened file is not a directory.",
	STATUS_TOO_MANY_OPENED_FILES:    "Too many files are opened on a remote server. This error should only be returned by the Windows redirector on a remote drive.",
	STATUS_CANNOT_DELETE:            "An attempt has been made to remove a file or directory that cannot be deleted.",
	STATUS_FILE_CLOSED:              "An I/O request other than close and several other special case operations was attempted using a file object that had already been closed.",
	STATUS_LOGON_TYPE_NOT_GRANTED:   "A user has requested a type of logon (for example, interactive or network) that has not been granted. An administrator has control over who may logon interactively and through the network.",
	STATUS_IO_DEVICE_ERROR:          "The I/O device reported an I/O error.",
	STATUS_ACCOUNT_EXPIRED:          "The user account has expired.",
	STATUS_USER_SESSION_DELETED:     "The remote user session has been deleted.",
	STATUS_INSUFF_SERVER_RESOURCES:  "Insufficient server resources exist to complete the request.",
	STATUS_CONNECTION_DISCONNECTED:  "The transport connection is now disconnected.",
	STATUS_CONNECTION_RESET:         "The transport connection has been reset.",
	STATUS_PASSWORD_MUST_CHANGE:     "The user password must be changed before logging on the first time.",
	STATUS_NOT_FOUND:                "The object was not found.",
	STATUS_ACCOUNT_LOCKED_OUT:       "The user account has been automatically locked because too many invalid logon attempts or password change attempts have been requested.",
	STATUS_USER_MAPPED_FILE:         "The requested operation cannot be performed on a file with a user mapped section open.",
	STATUS_NETWORK_SESSION_EXPIRED:  "The client session has expired; so the client must re-authenticate to continue accessing the remote resources.",
	STATUS_DISK_QUOTA_EXCEEDED:      "An operation failed because the storage quota was exceeded.",
}
