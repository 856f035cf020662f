//! Models, versions, schemas and references.

use std::sync::Arc;

use driftline_proto::v1::{self, model_service_server::ModelService, set_reference_request::Part};
use driftline_query::ReferenceName;
use driftline_storage::{
    Column, Error, ErrorKind, Ids, ReferenceRows, Result, Schema, limits::REFERENCE_ROWS_MAX,
};
use prost::Message as _;
use tonic::{Request, Response, Status, Streaming};

use super::{
    ingest::explain,
    limits,
    shared::{Shared, schema_of},
};
use crate::wire::{self, error::About};

/// The model service.
#[derive(Debug)]
pub(super) struct Models(pub(super) Arc<Shared>);

#[tonic::async_trait]
impl ModelService for Models {
    async fn create_model(
        &self,
        request: Request<v1::CreateModelRequest>,
    ) -> Result<Response<v1::CreateModelResponse>, Status> {
        let request = request.into_inner();
        let about = About::model(&request.name);
        let work = move |shared: &Shared| {
            let declaration = request.declaration.map(wire::model::declaration).transpose()?;
            let schema = request.schema.map(wire::model::schema).transpose()?;
            let declaration = declaration.unwrap_or_default();
            let model = shared.monitor.create_model(&request.name, declaration, schema)?;
            Ok(v1::CreateModelResponse { model: Some(wire::model::write_model(&model)) })
        };
        self.0.run(about, work).await.map(Response::new)
    }

    async fn create_version(
        &self,
        request: Request<v1::CreateVersionRequest>,
    ) -> Result<Response<v1::CreateVersionResponse>, Status> {
        let request = request.into_inner();
        let about = About::model(&request.model);
        let work = move |shared: &Shared| {
            let version = wire::model::version(request.declaration, request.schema)?;
            let model = shared.monitor.create_version(&request.model, &request.version, version)?;
            Ok(v1::CreateVersionResponse { model: Some(wire::model::write_model(&model)) })
        };
        self.0.run(about, work).await.map(Response::new)
    }

    async fn get_model(
        &self,
        request: Request<v1::GetModelRequest>,
    ) -> Result<Response<v1::GetModelResponse>, Status> {
        let name = request.into_inner().name;
        let about = About::model(&name);
        let work = move |shared: &Shared| {
            let model = shared.monitor.model(&name)?;
            let times = shared.monitor.version_times(&name)?;
            let mut model = wire::model::write_model(&model);
            wire::model::write_version_times(&mut model, &times);
            Ok(v1::GetModelResponse { model: Some(model) })
        };
        self.0.run(about, work).await.map(Response::new)
    }

    async fn list_models(
        &self,
        request: Request<v1::ListModelsRequest>,
    ) -> Result<Response<v1::ListModelsResponse>, Status> {
        let request = request.into_inner();
        let work = move |shared: &Shared| Ok(page(shared, &request));
        self.0.run(About::default(), work).await.map(Response::new)
    }

    async fn set_schema(
        &self,
        request: Request<v1::SetSchemaRequest>,
    ) -> Result<Response<v1::SetSchemaResponse>, Status> {
        let request = request.into_inner();
        let about = About::model(&request.model);
        let work = move |shared: &Shared| {
            let schema = wire::model::schema(wire::required("schema", request.schema)?)?;
            let version = request.version.as_deref();
            let model = shared.monitor.set_schema(&request.model, version, schema)?;
            Ok(v1::SetSchemaResponse { model: Some(wire::model::write_model(&model)) })
        };
        self.0.run(about, work).await.map(Response::new)
    }

    async fn update_retention(
        &self,
        request: Request<v1::UpdateRetentionRequest>,
    ) -> Result<Response<v1::UpdateRetentionResponse>, Status> {
        let v1::UpdateRetentionRequest { model, retention } = request.into_inner();
        let about = About::model(&model);
        let work = move |shared: &Shared| {
            let retention = wire::model::retention(wire::required("retention", retention)?);
            let changed = shared.monitor.set_retention(&model, retention);
            let model = changed
                .map_err(|error| error.with_fields_renamed(&wire::model::RETENTION_FIELDS))?;
            Ok(v1::UpdateRetentionResponse { model: Some(wire::model::write_model(&model)) })
        };
        self.0.run(about, work).await.map(Response::new)
    }

    async fn add_tags(
        &self,
        request: Request<v1::AddTagsRequest>,
    ) -> Result<Response<v1::AddTagsResponse>, Status> {
        let v1::AddTagsRequest { model, tags } = request.into_inner();
        let about = About::model(&model);
        let work = move |shared: &Shared| {
            let model = shared.monitor.add_tags(&model, &tags)?;
            Ok(v1::AddTagsResponse { model: Some(wire::model::write_model(&model)) })
        };
        self.0.run(about, work).await.map(Response::new)
    }

    async fn update_slices(
        &self,
        request: Request<v1::UpdateSlicesRequest>,
    ) -> Result<Response<v1::UpdateSlicesResponse>, Status> {
        let v1::UpdateSlicesRequest { model, add, remove } = request.into_inner();
        let about = About::model(&model);
        let work = move |shared: &Shared| {
            let model = shared.monitor.change_slices(&model, &add, &remove)?;
            Ok(v1::UpdateSlicesResponse { model: Some(wire::model::write_model(&model)) })
        };
        self.0.run(about, work).await.map(Response::new)
    }

    async fn set_reference(
        &self,
        request: Request<Streaming<v1::SetReferenceRequest>>,
    ) -> Result<Response<v1::SetReferenceResponse>, Status> {
        let bound = limits::REFERENCE_UPLOADS_MAX;
        let _permit = self.0.permit(&self.0.uploads, "reference uploads", bound)?;
        let mut parts = request.into_inner();
        let first = parts.message().await.map_err(explain)?.and_then(|first| first.part);
        let Some(Part::Header(header)) = first else {
            let error = Error::invalid("header", "must be the first message of the stream");
            return Err(self.0.refuse(&error, &About::default()));
        };
        let about = About::model(&header.model);
        let mut upload =
            self.0.run(about.clone(), move |shared| Upload::new(shared, header)).await?;
        while let Some(part) = parts.message().await.map_err(explain)? {
            upload = self.0.run(about.clone(), move |_| upload.append(part)).await?;
        }
        self.0.run(about, move |shared| upload.finish(shared)).await.map(Response::new)
    }

    async fn pin_reference(
        &self,
        request: Request<v1::PinReferenceRequest>,
    ) -> Result<Response<v1::PinReferenceResponse>, Status> {
        let v1::PinReferenceRequest { model, version, name, window } = request.into_inner();
        let about = About::model(&model);
        let work = move |shared: &Shared| {
            let (from, to) = wire::model::window(window)?;
            let name = ReferenceName { model, version, name };
            let reference = shared.monitor.pin_reference(name, from, to)?;
            let reference = Some(wire::model::write_reference(&reference));
            Ok(v1::PinReferenceResponse { reference })
        };
        self.0.run(about, work).await.map(Response::new)
    }

    async fn list_references(
        &self,
        request: Request<v1::ListReferencesRequest>,
    ) -> Result<Response<v1::ListReferencesResponse>, Status> {
        let model = request.into_inner().model;
        let about = About::model(&model);
        let work = move |shared: &Shared| {
            let references = shared.monitor.references(&model)?;
            let references = references.iter().map(wire::model::write_reference).collect();
            Ok(v1::ListReferencesResponse { references })
        };
        self.0.run(about, work).await.map(Response::new)
    }
}

/// One page of models; its token is the name after which the next one starts.
fn page(shared: &Shared, request: &v1::ListModelsRequest) -> v1::ListModelsResponse {
    let wanted = match usize::try_from(request.page_size) {
        Ok(0) => limits::PAGE_MODELS_DEFAULT,
        Ok(wanted) => wanted.min(limits::PAGE_MODELS_MAX),
        Err(_) => limits::PAGE_MODELS_MAX,
    };
    let models = shared.monitor.models();
    let mut rest = models.iter().filter(|model| model.name > request.page_token).peekable();
    let mut response = v1::ListModelsResponse::default();
    let mut bytes = 0;
    while let Some(model) = rest.next() {
        let message = wire::model::write_model(model);
        bytes += message.encoded_len();
        response.models.push(message);
        if response.models.len() >= wanted || bytes >= limits::PAGE_BYTES {
            if rest.peek().is_some() {
                response.next_page_token.clone_from(&model.name);
            }
            break;
        }
    }
    response
}

/// The rows of a reference that have come so far.
struct Upload {
    name: ReferenceName,
    schema: Arc<Schema>,
    rows: ReferenceRows,
    ignored: Vec<String>,
}

impl Upload {
    fn new(shared: &Shared, header: v1::ReferenceHeader) -> Result<Self> {
        let v1::ReferenceHeader { model, version, name } = header;
        driftline_storage::check_name("header.name", &name)?;
        let schema = schema_of(&shared.monitor, &model, version.as_deref())?;
        let columns = schema.columns();
        let columns = columns.iter().map(|field| Column::nulls(field.kind.is_numeric(), 0));
        let rows =
            ReferenceRows { ids: Ids::default(), times: Vec::new(), columns: columns.collect() };
        let name = ReferenceName { model, version, name };
        Ok(Self { name, schema, rows, ignored: Vec::new() })
    }

    fn append(mut self, request: v1::SetReferenceRequest) -> Result<Self> {
        let Some(Part::Batch(mut batch)) = request.part else {
            return Err(Error::invalid("batch", "is required after the header"));
        };
        let before = self.rows.times.len();
        if before + batch.times_micros.len() > REFERENCE_ROWS_MAX {
            let text = format!(
                "a reference has at most {REFERENCE_ROWS_MAX} rows; take a shorter window or a \
                 sample"
            );
            return Err(Error::new(ErrorKind::ResourceExhausted, text));
        }
        if batch.prediction_ids.is_empty() {
            let rows = before..before + batch.times_micros.len();
            batch.prediction_ids = rows.map(|row| row.to_string()).collect();
        }
        let taken = wire::batch::predictions(batch, &self.schema)?;
        taken.batch.validate(&self.schema)?;
        self.rows.ids.append(&taken.batch.ids);
        self.rows.times.extend_from_slice(&taken.batch.times);
        for (mine, theirs) in self.rows.columns.iter_mut().zip(&taken.batch.columns) {
            mine.append(theirs);
        }
        self.ignored = wire::batch::names(self.ignored.into_iter().chain(taken.ignored));
        Ok(self)
    }

    fn finish(self, shared: &Shared) -> Result<v1::SetReferenceResponse> {
        let reference = shared.monitor.set_reference(self.name, self.rows)?;
        Ok(v1::SetReferenceResponse {
            reference: Some(wire::model::write_reference(&reference)),
            ignored_columns: self.ignored,
        })
    }
}
