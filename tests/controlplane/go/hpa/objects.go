package main

import (
	"context"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedautoscaling "k8s.io/client-go/kubernetes/typed/autoscaling/v2"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	autoscalinglisters "k8s.io/client-go/listers/autoscaling/v2"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// informer stands in for an informer: a store, and the handlers that hear of its changes. It has neither watch nor
// delay, so the controller sees at each sync exactly what the case shows.
type informer struct {
	cache.SharedIndexInformer
	store    cache.Indexer
	handlers []cache.ResourceEventHandler
}

func newInformer() *informer {
	byNamespace := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	return &informer{store: cache.NewIndexer(cache.MetaNamespaceKeyFunc, byNamespace)}
}

func (*informer) HasSynced() bool { return true }

func (i *informer) AddEventHandlerWithResyncPeriod(handler cache.ResourceEventHandler, _ time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	i.handlers = append(i.handlers, handler)
	for _, object := range i.store.List() {
		handler.OnAdd(object, true)
	}
	return nil, nil
}

func (i *informer) add(object any) {
	must(i.store.Add(object))
	for _, handler := range i.handlers {
		handler.OnAdd(object, false)
	}
}

func (i *informer) update(object any) {
	old, _, err := i.store.Get(object)
	must(err)
	must(i.store.Update(object))
	for _, handler := range i.handlers {
		handler.OnUpdate(old, object)
	}
}

func (i *informer) remove(object any) {
	must(i.store.Delete(object))
	for _, handler := range i.handlers {
		handler.OnDelete(object)
	}
}

type autoscalerInformer struct{ *informer }

func (i autoscalerInformer) Informer() cache.SharedIndexInformer { return i.informer }

func (i autoscalerInformer) Lister() autoscalinglisters.HorizontalPodAutoscalerLister {
	return autoscalinglisters.NewHorizontalPodAutoscalerLister(i.store)
}

type podInformer struct{ *informer }

func (i podInformer) Informer() cache.SharedIndexInformer { return i.informer }

func (i podInformer) Lister() corelisters.PodLister { return corelisters.NewPodLister(i.store) }

// autoscalers is the client through which the controller writes an autoscaler's status.
type autoscalers struct {
	typedautoscaling.HorizontalPodAutoscalerInterface
	c *cluster
}

func (a autoscalers) HorizontalPodAutoscalers(string) typedautoscaling.HorizontalPodAutoscalerInterface {
	return a
}

func (a autoscalers) UpdateStatus(_ context.Context, given *autoscalingv2.HorizontalPodAutoscaler, _ metav1.UpdateOptions) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	if a.c.autoscaler(given.Name) != nil {
		a.c.autoscalers.update(given.DeepCopy())
	}
	return given, nil
}

// autoscaler is the one of that name as it is now; nil if there is none.
func (c *cluster) autoscaler(name string) *autoscalingv2.HorizontalPodAutoscaler {
	object, there, err := c.autoscalers.store.GetByKey(namespace + "/" + name)
	must(err)
	if !there {
		return nil
	}
	return object.(*autoscalingv2.HorizontalPodAutoscaler)
}

// events takes the controller's events, which nobody reads.
type events struct{ typedcore.EventInterface }

func (e events) Events(string) typedcore.EventInterface { return e }

func (events) CreateWithEventNamespace(event *corev1.Event) (*corev1.Event, error) { return event, nil }

func (events) PatchWithEventNamespace(event *corev1.Event, _ []byte) (*corev1.Event, error) {
	return event, nil
}
