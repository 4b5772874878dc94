package main

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	customv1beta2 "k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	externalv1beta1 "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	resource "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
	custom "k8s.io/metrics/pkg/client/custom_metrics"
	external "k8s.io/metrics/pkg/client/external_metrics"
)

// The clients of the three metrics APIs. What they return goes through the controller's own reading of it.

var errUnavailable = errors.New("the metrics API is unavailable")

// answered is an API's answer, or an error if the case has none.
func answered[T any](answer *T) (*T, error) {
	if answer == nil {
		return nil, errUnavailable
	}
	return answer, nil
}

// see is what there is to see at this sync, after its tick.
func (c *cluster) see() *look {
	c.tick()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sight
}

// resourceMetrics is metrics.k8s.io.
type resourceMetrics struct {
	resource.PodMetricsInterface
	c *cluster
}

func (r resourceMetrics) PodMetricses(string) resource.PodMetricsInterface { return r }

func (r resourceMetrics) List(context.Context, metav1.ListOptions) (*metricsv1beta1.PodMetricsList, error) {
	return answered(r.c.see().PodMetrics)
}

// customMetrics is custom.metrics.k8s.io.
type customMetrics struct {
	c *cluster
}

func (m customMetrics) NamespacedMetrics(string) custom.MetricsInterface { return m }

func (m customMetrics) RootScopedMetrics() custom.MetricsInterface { return m }

func (m customMetrics) GetForObject(_ schema.GroupKind, _, metric string, _ labels.Selector) (*customv1beta2.MetricValue, error) {
	return answered(m.c.see().ObjectMetrics[metric])
}

func (m customMetrics) GetForObjects(_ schema.GroupKind, _ labels.Selector, metric string, _ labels.Selector) (*customv1beta2.MetricValueList, error) {
	return answered(m.c.see().PodsMetrics[metric])
}

// externalMetrics is external.metrics.k8s.io.
type externalMetrics struct {
	c *cluster
}

func (m externalMetrics) NamespacedMetrics(string) external.MetricsInterface { return m }

func (m externalMetrics) List(metric string, _ labels.Selector) (*externalv1beta1.ExternalMetricValueList, error) {
	return answered(m.c.see().ExternalMetrics[metric])
}
