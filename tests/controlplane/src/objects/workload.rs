//! A Deployment with all that stands around it.

use kube::Client;

use super::autoscaler::{Autoscaler, an_hpa};
use super::container::Container;
use super::controller::{Controller, a_deployment};
use super::object::{Build, Object, a_budget};
use super::service::{Service, a_service};

/// The port of a workload's Service.
const SERVICE_PORT: u16 = 8080;

/// A Deployment and the Service in front of it; its autoscaler and budget if it has them.
#[derive(Debug, Clone)]
pub struct Workload {
    name: String,
    namespace: String,
    deployment: Controller,
    service: Service,
    autoscaler: Option<Autoscaler>,
    budget: Option<Object>,
}

/// A Deployment of one replica in `default`, and its Service (LoadBalancer, port 8080).
pub fn workload(name: &str) -> Workload {
    Workload {
        name: name.to_owned(),
        namespace: "default".to_owned(),
        deployment: a_deployment(name),
        service: a_service(name, SERVICE_PORT),
        autoscaler: None,
        budget: None,
    }
}

impl Workload {
    /// Puts all of it into a namespace.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// How many pods the Deployment starts with.
    #[must_use]
    pub fn replicas(self, replicas: u32) -> Self {
        self.deployment(|deployment| deployment.with_replicas(replicas))
    }

    /// What its pods run.
    #[must_use]
    pub fn container(self, container: Container) -> Self {
        self.deployment(|deployment| deployment.with_container(container))
    }

    /// An autoscaler on CPU: least and most replicas, and the percentage of the request that it aims at.
    #[must_use]
    pub fn hpa(self, min: u32, max: u32, cpu_percent: u32) -> Self {
        let autoscaler = an_hpa(&self.name, min, max, cpu_percent);
        self.autoscaler(autoscaler)
    }

    /// An autoscaler that was built elsewhere.
    #[must_use]
    pub fn autoscaler(mut self, autoscaler: Autoscaler) -> Self {
        self.autoscaler = Some(autoscaler);
        self
    }

    /// A PodDisruptionBudget that keeps so many pods available.
    #[must_use]
    pub fn budget(mut self, min_available: u32) -> Self {
        self.budget = Some(a_budget(&self.name, min_available));
        self
    }

    /// Changes the Deployment.
    #[must_use]
    pub fn deployment(mut self, change: impl FnOnce(Controller) -> Controller) -> Self {
        self.deployment = change(self.deployment);
        self
    }

    /// Changes the Service.
    #[must_use]
    pub fn service(mut self, change: impl FnOnce(Service) -> Service) -> Self {
        self.service = change(self.service);
        self
    }

    /// Its objects.
    pub fn objects(&self) -> Vec<Object> {
        let mut objects = vec![self.deployment.build(), self.service.build()];
        objects.extend(self.autoscaler.as_ref().map(Build::build));
        objects.extend(self.budget.clone());
        objects.into_iter().map(|object| object.in_namespace(&self.namespace)).collect()
    }

    /// Applies all of it.
    ///
    /// # Errors
    /// The first that the API server answers.
    pub async fn apply(&self, client: &Client) -> kube::Result<()> {
        for object in self.objects() {
            object.apply(client).await?;
        }
        Ok(())
    }

    /// Deletes all of it.
    ///
    /// # Errors
    /// The first that the API server answers.
    pub async fn delete(&self, client: &Client) -> kube::Result<()> {
        for object in self.objects() {
            object.delete(client).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, to_string_pretty};

    use super::super::a_container;
    use super::*;

    #[test]
    fn a_whole_workload() {
        let container =
            a_container().burning(Duration::from_millis(4)).starting_up_in(Duration::from_secs(1));
        let workload = workload("checkout")
            .in_namespace("shop")
            .replicas(2)
            .container(container)
            .hpa(2, 10, 60)
            .budget(1);
        let values: Vec<Value> = workload.objects().iter().map(|object| object.value().clone()).collect();
        insta::assert_snapshot!(to_string_pretty(&values).unwrap());
    }
}
