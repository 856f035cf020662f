//! Questions: each runs on a thread of its own, and only so many at once.

use std::sync::Arc;

use driftline_proto::v1::{self, query_service_server::QueryService};
use driftline_storage::Result;
use tonic::{Request, Response, Status};

use super::shared::Shared;
use crate::{Monitor, wire, wire::error::About};

/// The query service.
#[derive(Debug)]
pub(super) struct Queries(pub(super) Arc<Shared>);

impl Queries {
    async fn ask<T: Send + 'static>(
        &self,
        model: Option<&v1::Scope>,
        ask: impl FnOnce(&Monitor) -> Result<T> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let about = model.map(|scope| About::model(&scope.model)).unwrap_or_default();
        // The semaphore is never closed. The permit stays with the thread, which goes on when the
        // client is gone.
        let permit = self.0.queries.clone().acquire_owned().await;
        let work = move |shared: &Shared| {
            let _permit = permit;
            let answer = ask(&shared.monitor);
            answer.map_err(|error| error.with_fields_renamed(wire::query::QUERY_FIELDS))
        };
        self.0.run(about, work).await.map(Response::new)
    }
}

#[tonic::async_trait]
impl QueryService for Queries {
    async fn query_drift(
        &self,
        request: Request<v1::QueryDriftRequest>,
    ) -> Result<Response<v1::QueryDriftResponse>, Status> {
        let request = request.into_inner();
        self.ask(request.scope.clone().as_ref(), move |monitor| {
            let report = monitor.drift(&wire::drift::drift_request(request)?)?;
            Ok(wire::drift::write_drift_report(report))
        })
        .await
    }

    async fn query_performance(
        &self,
        request: Request<v1::QueryPerformanceRequest>,
    ) -> Result<Response<v1::QueryPerformanceResponse>, Status> {
        let request = request.into_inner();
        self.ask(request.scope.clone().as_ref(), move |monitor| {
            let report = monitor.performance(&wire::query::performance_request(request)?)?;
            Ok(wire::query::write_performance_report(report))
        })
        .await
    }

    async fn query_distribution(
        &self,
        request: Request<v1::QueryDistributionRequest>,
    ) -> Result<Response<v1::QueryDistributionResponse>, Status> {
        let request = request.into_inner();
        self.ask(request.scope.clone().as_ref(), move |monitor| {
            let report = monitor.distribution(&wire::query::distribution_request(request)?)?;
            Ok(wire::query::write_distribution_report(report))
        })
        .await
    }

    async fn query_series(
        &self,
        request: Request<v1::QuerySeriesRequest>,
    ) -> Result<Response<v1::QuerySeriesResponse>, Status> {
        let request = request.into_inner();
        self.ask(request.scope.clone().as_ref(), move |monitor| {
            let report = monitor.series(&wire::series::request(request)?)?;
            Ok(wire::series::write_report(report))
        })
        .await
    }

    async fn list_series(
        &self,
        request: Request<v1::ListSeriesRequest>,
    ) -> Result<Response<v1::ListSeriesResponse>, Status> {
        let request = request.into_inner();
        let about = v1::Scope { model: request.model.clone(), ..v1::Scope::default() };
        self.ask(Some(&about), move |monitor| {
            let list = monitor.list_series(&wire::series::list_request(request)?);
            let list = list.map_err(|e| e.with_fields_renamed(&wire::series::LIST_FIELDS))?;
            Ok(wire::series::write_list(list))
        })
        .await
    }

    async fn query_data_quality(
        &self,
        request: Request<v1::QueryDataQualityRequest>,
    ) -> Result<Response<v1::QueryDataQualityResponse>, Status> {
        let request = request.into_inner();
        self.ask(request.scope.clone().as_ref(), move |monitor| {
            let report = monitor.quality(&wire::quality::request(request)?)?;
            Ok(wire::quality::write_report(report))
        })
        .await
    }

    async fn query_arrivals(
        &self,
        request: Request<v1::QueryArrivalsRequest>,
    ) -> Result<Response<v1::QueryArrivalsResponse>, Status> {
        let request = request.into_inner();
        self.ask(request.scope.clone().as_ref(), move |monitor| {
            let report = monitor.arrivals(&wire::arrivals::request(request)?)?;
            Ok(wire::arrivals::write_report(report))
        })
        .await
    }

    async fn query_operations(
        &self,
        request: Request<v1::QueryOperationsRequest>,
    ) -> Result<Response<v1::QueryOperationsResponse>, Status> {
        let request = request.into_inner();
        self.ask(request.scope.clone().as_ref(), move |monitor| {
            let report = monitor.operations(&wire::operations::request(request)?)?;
            Ok(wire::operations::write_report(report))
        })
        .await
    }

    async fn query_fairness(
        &self,
        request: Request<v1::QueryFairnessRequest>,
    ) -> Result<Response<v1::QueryFairnessResponse>, Status> {
        let request = request.into_inner();
        self.ask(request.scope.clone().as_ref(), move |monitor| {
            let report = monitor.fairness(&wire::fairness::request(request)?)?;
            Ok(wire::fairness::write_report(report))
        })
        .await
    }

    async fn query_comparison(
        &self,
        request: Request<v1::QueryComparisonRequest>,
    ) -> Result<Response<v1::QueryComparisonResponse>, Status> {
        let request = request.into_inner();
        self.ask(request.scope.clone().as_ref(), move |monitor| {
            let report = monitor.compare(&wire::compare::request(request)?)?;
            Ok(wire::compare::write_report(report))
        })
        .await
    }

    async fn query_agreement(
        &self,
        request: Request<v1::QueryAgreementRequest>,
    ) -> Result<Response<v1::QueryAgreementResponse>, Status> {
        let request = request.into_inner();
        self.ask(request.scope.clone().as_ref(), move |monitor| {
            let report = monitor.agreement(&wire::agreement::request(request)?)?;
            Ok(wire::agreement::write_report(report))
        })
        .await
    }
}
