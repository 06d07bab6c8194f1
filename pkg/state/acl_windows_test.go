package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// openToAll gives everybody rights on a file or folder.
func openToAll(t *testing.T, path string, rights windows.ACCESS_MASK) {
	t.Helper()
	everybody, err := windows.CreateWellKnownSid(windows.WinWorldSid)
	if err != nil {
		t.Fatal(err)
	}
	list, err := windows.ACLFromEntries([]windows.EXPLICIT_ACCESS{{
		AccessPermissions: rights, AccessMode: windows.GRANT_ACCESS, Inheritance: windows.SUB_CONTAINERS_AND_OBJECTS_INHERIT,
		Trustee: windows.TRUSTEE{TrusteeForm: windows.TRUSTEE_IS_SID, TrusteeValue: windows.TrusteeValueFromSID(everybody)},
	}}, nil)
	if err == nil {
		err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION, nil, nil, list, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestTheStateIsItsOwnersAlone also where the folder around it is open to all.
func TestTheStateIsItsOwnersAlone(t *testing.T) {
	around := t.TempDir()
	openToAll(t, around, windows.GENERIC_ALL)
	h := mustOpen(t, filepath.Join(around, "kftls"), newClock())
	a := newAuthority(t)
	key := filepath.Join(mustSave(t, h, a, home), keyFile)
	for _, path := range []string{h.Dir(), key} {
		if granted, err := grantedToOthers(path, rightsToUse); err != nil || granted != 0 {
			t.Errorf("others have %#x on %s (%v)", uint32(granted), path, err)
		}
	}
	if _, err := h.Authority(a.Fingerprint()); err != nil {
		t.Errorf("its owner cannot read it: %v", err)
	}
}

func TestWhatIsOpenToAllIsRefused(t *testing.T) {
	h, a := mustOpen(t, t.TempDir(), newClock()), newAuthority(t)
	key := filepath.Join(mustSave(t, h, a, home), keyFile)
	openToAll(t, key, windows.GENERIC_READ)
	_, err := h.Authority(a.Fingerprint())
	mustRefuse(t, err, "others may use the private key")
	if hint := fault.HintOf(err); !strings.HasPrefix(hint, `icacls "`+key+`" /inheritance:r`) {
		t.Errorf("hint %q", hint)
	}
	dir := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(dir, dirMode); err != nil {
		t.Fatal(err)
	}
	openToAll(t, dir, windows.GENERIC_ALL)
	_, err = Open(dir, nil)
	mustRefuse(t, err, "others may use the state folder")
}
