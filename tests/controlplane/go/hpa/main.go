// hpa runs Kubernetes' own HorizontalPodAutoscaler controller, unchanged, through cases that a test makes up.
//
// One JSON message a line comes in on standard input, and one answer a line goes out. A message either opens a case
// (an autoscaler and the controller's settings) or asks for one sync of it: what the cluster looks like and when the
// controller looks. The answer is the status that the controller left on the autoscaler, and what it wrote to the
// target's scale. See message and answer.
//
// The controller reads the clock itself, so a case runs in a bubble of testing/synctest: there, time stands still
// while anything works and otherwise jumps to the next timer. That is why this program poses as a test.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/synctest"

	"github.com/go-logr/logr"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

func main() {
	// What goes wrong in a sync shows in the conditions. The default handlers would also sleep on errors, and in a
	// bubble that moves the clock.
	utilruntime.ErrorHandlers = nil
	klog.SetLogger(logr.Discard())

	all := func(string, string) (bool, error) { return true, nil }
	testing.Main(all, []testing.InternalTest{{Name: "cases", F: cases}}, nil, nil)
}

// cases runs one case after another until standard input ends.
func cases(t *testing.T) {
	pipe := &pipe{in: json.NewDecoder(os.Stdin), out: json.NewEncoder(os.Stdout)}
	next := pipe.read()
	for next != nil {
		if next.Open == nil {
			refuse("a sync came before any case was opened")
		}
		synctest.Test(t, func(*testing.T) { next = play(next.Open, pipe) })
	}
}

// play runs one case, and returns the message that ended it: the next case's, or nil at the end.
func play(opening *opening, pipe *pipe) *message {
	cluster := open(opening)
	defer cluster.close()
	for {
		next := pipe.read()
		if next == nil || next.Sync == nil {
			return next
		}
		pipe.write(cluster.sync(next.Sync))
	}
}

type pipe struct {
	in  *json.Decoder
	out *json.Encoder
}

// read waits for a message; nil at the end. In a bubble, waiting here does not move the clock.
func (p *pipe) read() *message {
	message := &message{}
	if err := p.in.Decode(message); err == io.EOF {
		return nil
	} else if err != nil {
		refuse("unreadable message: " + err.Error())
	}
	return message
}

func (p *pipe) write(answer *answer) {
	if err := p.out.Encode(answer); err != nil {
		refuse("nobody reads the answers: " + err.Error())
	}
}

// refuse ends the program where the test that drives it is wrong.
func refuse(why string) {
	fmt.Fprintln(os.Stderr, "hpa: "+why)
	os.Exit(65)
}

func must(err error) {
	if err != nil {
		refuse(err.Error())
	}
}
