package main

import (
	"context"
	"fmt"
	"testing/synctest"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/request"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/autoscaling"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install" // The types that the scheme below converts.
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	podmetrics "k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
	registry "k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
)

// start runs a controller that remembers nothing, as after a restart of the controller manager.
func (c *cluster) start() {
	ctx, cancel := context.WithCancel(context.Background())
	apps := schema.GroupVersion{Group: "apps", Version: "v1"}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{apps})
	mapper.Add(apps.WithKind("Deployment"), meta.RESTScopeNamespace)
	controller := podautoscaler.NewHorizontalController(
		ctx,
		events{},
		c,
		autoscalers{c: c},
		mapper,
		podmetrics.NewRESTMetricsClient(resourceMetrics{c: c}, customMetrics{c: c}, externalMetrics{c: c}),
		autoscalerInformer{c.autoscalers},
		podInformer{c.pods},
		again,
		microseconds(c.opening.DownscaleStabilizationUs),
		c.opening.Tolerance,
		microseconds(c.opening.CPUInitializationPeriodUs),
		microseconds(c.opening.InitialReadinessDelayUs),
	)
	// One worker for the autoscaler under test, one that may be held at its rival.
	go controller.Run(ctx, 2)
	c.stop = func() {
		cancel()
		synctest.Wait()
		c.autoscalers.handlers = nil
	}
}

// setGate turns the feature gate for a minimum of zero on or off.
func setGate(scaleToZero bool) {
	must(utilfeature.DefaultMutableFeatureGate.Set(fmt.Sprintf("HPAScaleToZero=%t", scaleToZero)))
}

// admit makes an autoscaler of a specification as the API server does on creation: with its defaults, and refused if
// it is not valid. A refused one would prove nothing.
func admit(name string, spec autoscalingv2.HorizontalPodAutoscalerSpec) *autoscalingv2.HorizontalPodAutoscaler {
	spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name}
	given := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Spec:       spec,
	}
	legacyscheme.Scheme.Default(given)
	internal := &autoscaling.HorizontalPodAutoscaler{}
	must(legacyscheme.Scheme.Convert(given, internal, nil))
	// The request by which it comes in.
	ctx := request.WithRequestInfo(context.Background(), &request.RequestInfo{
		IsResourceRequest: true, Verb: "create", APIGroup: autoscalingv2.GroupName, APIVersion: "v2",
		Resource: "horizontalpodautoscalers", Namespace: namespace, Name: name,
	})
	registry.Strategy.PrepareForCreate(ctx, internal)
	if problems := registry.Strategy.Validate(ctx, internal); len(problems) > 0 {
		refuse("the API server would refuse this autoscaler: " + problems.ToAggregate().Error())
	}
	admitted := &autoscalingv2.HorizontalPodAutoscaler{}
	must(legacyscheme.Scheme.Convert(internal, admitted, nil))
	return admitted
}
