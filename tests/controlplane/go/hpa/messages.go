package main

import (
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	customv1beta2 "k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	externalv1beta1 "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// message is what comes in. Whatever Kubernetes has a type for comes as that type.
type message struct {
	Open *opening `json:"open"`
	Sync *look    `json:"sync"`
}

// opening begins a case: the autoscaler, and the flags of the controller.
type opening struct {
	Spec                      autoscalingv2.HorizontalPodAutoscalerSpec `json:"spec"`
	DownscaleStabilizationUs  int64                                     `json:"downscaleStabilizationUs"`
	Tolerance                 float64                                   `json:"tolerance"`
	CPUInitializationPeriodUs int64                                     `json:"cpuInitializationPeriodUs"`
	InitialReadinessDelayUs   int64                                     `json:"initialReadinessDelayUs"`
	ScaleToZero               bool                                      `json:"scaleToZero"`
}

// look is what the controller is to see at one sync.
type look struct {
	// AtUs is when it looks, since the case began.
	AtUs int64 `json:"atUs"`
	// Restart: the controller ends and another one starts before this sync.
	Restart bool `json:"restart"`
	// Spec changes the autoscaler before this sync.
	Spec *autoscalingv2.HorizontalPodAutoscalerSpec `json:"spec"`

	Replicas         int32  `json:"replicas"`
	StatusReplicas   int32  `json:"statusReplicas"`
	Selector         string `json:"selector"`
	ScaleGetFails    bool   `json:"scaleGetFails"`
	ScaleUpdateFails bool   `json:"scaleUpdateFails"`
	// Rival: there is another autoscaler, whose target selects the same pods.
	Rival bool `json:"rival"`

	Pods []*corev1.Pod `json:"pods"`
	// The answers of the metrics APIs. One that is not there is an error.
	PodMetrics *metricsv1beta1.PodMetricsList `json:"podMetrics"`
	// By the name of the metric.
	PodsMetrics     map[string]*customv1beta2.MetricValueList           `json:"podsMetrics"`
	ObjectMetrics   map[string]*customv1beta2.MetricValue               `json:"objectMetrics"`
	ExternalMetrics map[string]*externalv1beta1.ExternalMetricValueList `json:"externalMetrics"`
}

// answer is what the controller came to.
type answer struct {
	// Status is the autoscaler's status after the sync.
	Status autoscalingv2.HorizontalPodAutoscalerStatus `json:"status"`
	// Measured is the status' currentMetrics, in thousandths; one that could not be measured is null.
	Measured []*measured `json:"measured"`
	// Wrote is what was written to the scale's spec.replicas, if anything was.
	Wrote *int32 `json:"wrote"`
}

type measured struct {
	Utilization  *int32 `json:"utilization"`
	AverageMilli *int64 `json:"averageMilli"`
	ValueMilli   *int64 `json:"valueMilli"`
}

func newAnswer(status autoscalingv2.HorizontalPodAutoscalerStatus, wrote *int32) *answer {
	answer := &answer{Status: status, Measured: []*measured{}, Wrote: wrote}
	for _, metric := range status.CurrentMetrics {
		answer.Measured = append(answer.Measured, measure(metric))
	}
	return answer
}

func measure(metric autoscalingv2.MetricStatus) *measured {
	var current autoscalingv2.MetricValueStatus
	switch {
	case metric.Resource != nil:
		current = metric.Resource.Current
	case metric.ContainerResource != nil:
		current = metric.ContainerResource.Current
	case metric.Pods != nil:
		current = metric.Pods.Current
	case metric.Object != nil:
		current = metric.Object.Current
	case metric.External != nil:
		current = metric.External.Current
	default:
		return nil
	}
	return &measured{
		Utilization:  current.AverageUtilization,
		AverageMilli: inThousandths(current.AverageValue),
		ValueMilli:   inThousandths(current.Value),
	}
}

func inThousandths(quantity *resource.Quantity) *int64 {
	if quantity == nil {
		return nil
	}
	milli := quantity.MilliValue()
	return &milli
}

func microseconds(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
