package gateway

import (
	"strings"
	"time"
)

// Holder is who set a front door up and holds the key of its CA, as far as the
// ConfigMap says.
type Holder struct {
	// Computer is the random id of a computer, "" where nothing is recorded.
	Computer string
	// Manager is the field manager that put the CA in force into the ConfigMap, else
	// the first of ours.
	Manager string
	// Since is when it was made.
	Since time.Time
	// Key is what became of the CA's key: "" when that computer keeps it, else
	// KeyDiscarded or KeyGiven.
	Key string
}

// Holder reads who set up; it is zero where there is no ConfigMap.
func (i *Installed) Holder() Holder {
	if i.ConfigMap == nil {
		return Holder{}
	}
	holder := Holder{
		Computer: i.ConfigMap.Annotations[AnnotationComputer],
		Since:    i.ConfigMap.CreationTimestamp.Time,
	}
	if key := i.ConfigMap.Annotations[AnnotationKey]; key != keyKept {
		holder.Key = key
	}
	inForce := FieldManager(i.CAFingerprint(), holder.Computer)
	for _, entry := range i.ConfigMap.ManagedFields {
		switch {
		case entry.Manager == inForce: // those of replaced CAs stay in the list
			holder.Manager = inForce
		case holder.Manager == "" && strings.HasPrefix(entry.Manager, ManagedBy+"-"):
			holder.Manager = entry.Manager
		}
	}
	return holder
}

// String names the holder in a message.
func (h Holder) String() string {
	switch {
	case h.Computer != "":
		return "computer " + h.Computer
	case h.Manager != "":
		return "field manager " + h.Manager
	}
	return "nobody who is recorded"
}
