package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/scale"
)

const (
	namespace = "shop"
	// name is that of the autoscaler under test and of its target.
	name = "checkout"
	// rival is that of the other autoscaler that selects the same pods, and of its target.
	rival = "rival"

	// again is how long after a sync the controller looks again. It then waits for the scale until the instant that
	// the case asks for, so that syncs come at any times a case wants.
	again = time.Millisecond
	// before is how long before that the driver changes what is to be seen.
	before = again / 2
)

// cluster is what the controller sees: autoscalers, their target, its pods and the metrics APIs.
type cluster struct {
	opening *opening
	began   time.Time
	// stop ends the controller that runs at present.
	stop func()

	autoscalers *informer
	pods        *informer
	// looks tells the driver that the controller has looked at the scale for the sync that was asked for.
	looks chan struct{}

	mu    sync.Mutex
	sight *look
	// syncing: the controller has looked. Then ticked: the clock has moved since.
	syncing, ticked bool
	wrote           *int32
	// rivalLooked: the rival's sync has got as far as registering its selector, and needs no other.
	rivalLooked bool
	rivalGone   chan struct{}
}

// open starts the controller on a cluster with one autoscaler.
func open(opening *opening) *cluster {
	setGate(opening.ScaleToZero)
	c := &cluster{
		opening:     opening,
		began:       time.Now(),
		autoscalers: newInformer(),
		pods:        newInformer(),
		looks:       make(chan struct{}, 1),
	}
	c.autoscalers.add(admit(name, opening.Spec))
	c.start()
	return c
}

func (c *cluster) close() { c.stop() }

// sync shows the cluster as it is to look, and returns what the controller made of it.
func (c *cluster) sync(sight *look) *answer {
	c.mu.Lock()
	c.sight, c.syncing, c.ticked, c.wrote = sight, false, false, nil
	c.mu.Unlock()
	if sight.Restart {
		c.stop()
		c.rivalLooked = false
		c.start()
	}
	if sight.Spec != nil {
		changed := c.autoscaler(name).DeepCopy()
		changed.Spec = admit(name, *sight.Spec).Spec
		c.autoscalers.update(changed)
	}
	c.setRival(sight.Rival)
	pods := make([]any, len(sight.Pods))
	for index, pod := range sight.Pods {
		pods[index] = pod
	}
	must(c.pods.store.Replace(pods, ""))
	wait := time.Until(c.began.Add(microseconds(sight.AtUs)))
	if wait < 2*again {
		refuse(fmt.Sprintf("a sync at %d us comes too soon after the one before", sight.AtUs))
	}
	select {
	case <-c.looks:
	case <-time.After(wait + again):
		refuse("the controller did not look at the scale")
	}
	// The sync takes a nanosecond, see tick; the next one begins later than this.
	time.Sleep(before)
	c.mu.Lock()
	defer c.mu.Unlock()
	return newAnswer(c.autoscaler(name).Status, c.wrote)
}

// setRival lets the other autoscaler come or go.
func (c *cluster) setRival(there bool) {
	c.mu.Lock()
	isThere := c.rivalGone != nil
	c.mu.Unlock()
	switch {
	case there && !isThere:
		c.mu.Lock()
		c.rivalGone = make(chan struct{})
		c.mu.Unlock()
		// In bounds at one replica, so that its sync gets as far as its selector, and wants nothing else.
		c.autoscalers.add(admit(rival, autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 1}))
	case !there && isThere:
		c.mu.Lock()
		close(c.rivalGone)
		c.rivalGone, c.rivalLooked = nil, false
		c.mu.Unlock()
		c.autoscalers.remove(c.autoscaler(rival))
	}
}

// tick lets a nanosecond pass, once a sync. In a real cluster, time passes between the moment when a new controller
// notes the replicas it found and the moment when it weighs them against a recommendation; in a bubble none would.
func (c *cluster) tick() {
	c.mu.Lock()
	due := c.syncing && !c.ticked
	c.ticked = c.ticked || due
	c.mu.Unlock()
	if due {
		time.Sleep(time.Nanosecond)
	}
}

// Scales, with scales below, is the client for the scale subresource.
func (c *cluster) Scales(string) scale.ScaleInterface { return scales{c: c} }

type scales struct {
	scale.ScaleInterface
	c *cluster
}

func (s scales) Get(ctx context.Context, _ schema.GroupResource, target string, _ metav1.GetOptions) (*autoscalingv1.Scale, error) {
	if target == rival {
		return s.c.scaleOfRival(ctx)
	}
	s.c.mu.Lock()
	sight, first := s.c.sight, !s.c.syncing
	s.c.mu.Unlock()
	if first {
		select {
		case <-time.After(time.Until(s.c.began.Add(microseconds(sight.AtUs)))):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		s.c.mu.Lock()
		s.c.syncing = true
		s.c.mu.Unlock()
		s.c.looks <- struct{}{}
	}
	if sight.ScaleGetFails {
		return nil, errors.New("the scale cannot be read")
	}
	return newScale(target, sight.Replicas, sight), nil
}

func (s scales) Update(_ context.Context, _ schema.GroupResource, scale *autoscalingv1.Scale, _ metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	s.c.tick()
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.sight.ScaleUpdateFails {
		return nil, errors.New("the scale cannot be written")
	}
	if scale.Name == name {
		replicas := scale.Spec.Replicas
		s.c.wrote = &replicas
	}
	return scale, nil
}

// scaleOfRival lets the rival's first sync register its selector and holds its second one until the rival goes.
func (c *cluster) scaleOfRival(ctx context.Context) (*autoscalingv1.Scale, error) {
	c.mu.Lock()
	looked, gone, sight := c.rivalLooked, c.rivalGone, c.sight
	c.rivalLooked = true
	c.mu.Unlock()
	if !looked {
		return newScale(rival, 1, sight), nil
	}
	select {
	case <-gone:
	case <-ctx.Done():
	}
	return nil, errors.New("the rival is gone")
}

func newScale(target string, replicas int32, sight *look) *autoscalingv1.Scale {
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Name: target, Namespace: namespace},
		Spec:       autoscalingv1.ScaleSpec{Replicas: replicas},
		Status:     autoscalingv1.ScaleStatus{Replicas: sight.StatusReplicas, Selector: sight.Selector},
	}
}
