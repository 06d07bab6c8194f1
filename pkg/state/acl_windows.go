package state

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// Windows has access lists in place of mode bits. A user's profile is closed to other
// users; a folder elsewhere, such as one below C:\, is open to all by what it inherits.

// broad are the groups that stand for everybody on a computer or in a domain.
var broad = []windows.WELL_KNOWN_SID_TYPE{
	windows.WinWorldSid, windows.WinAuthenticatedUserSid, windows.WinBuiltinUsersSid, windows.WinBuiltinGuestsSid,
	windows.WinInteractiveSid, windows.WinNetworkSid, windows.WinAnonymousSid, windows.WinAccountDomainUsersSid,
}

// What others must not have: in a folder the right to write, of a secret any.
const (
	rightsToWrite = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER |
		windows.GENERIC_WRITE | windows.GENERIC_ALL
	rightsToUse = rightsToWrite | windows.FILE_READ_DATA | windows.GENERIC_READ
)

// grantedToOthers tells which of the rights a broad group has on a file or folder, 0 for
// none.
func grantedToOthers(path string, rights windows.ACCESS_MASK) (windows.ACCESS_MASK, error) {
	descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return 0, fmt.Errorf("read who may use %s: %w", path, err)
	}
	list, _, err := descriptor.DACL()
	if err != nil || list == nil {
		return 0, errors.Join(errUnkept, err)
	}
	var granted windows.ACCESS_MASK
	for i := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &entry); err != nil {
			return 0, fmt.Errorf("read who may use %s: %w", path, err)
		}
		isForChildren := entry.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0
		if entry.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE || isForChildren {
			continue
		}
		if isBroad((*windows.SID)(unsafe.Pointer(&entry.SidStart))) { // the SID lies where the entry says
			granted |= entry.Mask & rights
		}
	}
	return granted, nil
}

func isBroad(sid *windows.SID) bool {
	for _, group := range broad {
		if sid.IsWellKnown(group) {
			return true
		}
	}
	return false
}

// restrict leaves a file or folder to this user, the system and the administrators, who can
// take any. Nothing is inherited any more from the folder around it.
func restrict(path string) error {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return fmt.Errorf("ask who runs this program: %w", err)
	}
	owners := []*windows.SID{user.User.Sid}
	for _, kind := range []windows.WELL_KNOWN_SID_TYPE{windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid} {
		sid, err := windows.CreateWellKnownSid(kind)
		if err != nil {
			return fmt.Errorf("name the owners of %s: %w", path, err)
		}
		owners = append(owners, sid)
	}
	var entries []windows.EXPLICIT_ACCESS
	for _, owner := range owners {
		entries = append(entries, windows.EXPLICIT_ACCESS{
			AccessPermissions: windows.GENERIC_ALL, AccessMode: windows.GRANT_ACCESS,
			Inheritance: windows.SUB_CONTAINERS_AND_OBJECTS_INHERIT,
			Trustee:     windows.TRUSTEE{TrusteeForm: windows.TRUSTEE_IS_SID, TrusteeValue: windows.TrusteeValueFromSID(owner)},
		})
	}
	list, err := windows.ACLFromEntries(entries, nil)
	if err == nil {
		err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
			windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
	}
	if err != nil {
		return fmt.Errorf("close %s to other users: %w", path, err)
	}
	return nil
}

// requireClosed refuses what others have some of these rights on.
func requireClosed(path, what string, rights windows.ACCESS_MASK) error {
	granted, err := grantedToOthers(path, rights)
	switch {
	case errors.Is(err, errUnkept):
		return fault.New(fault.LocalState, elsewhere, "others may use %s %s: %w", what, path, err)
	case err != nil:
		return fault.Wrap(fault.LocalState, elsewhere, err)
	case granted != 0:
		return fault.New(fault.LocalState, closeHint(path), "others may use %s %s (access mask %#x)", what, path, uint32(granted))
	}
	return nil
}

// closeHint does by a command what restrict does.
func closeHint(path string) string {
	return fmt.Sprintf(`icacls "%s" /inheritance:r /grant:r "%%USERNAME%%:(OI)(CI)F", or %s`, path, elsewhere)
}
