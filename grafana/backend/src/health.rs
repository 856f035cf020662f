//! Whether a data source can be used, and if not, what to do.

use driftline_proto::v1;

use crate::{
    downstream::Connections, problem::Problem, settings::Settings, wire::pluginv2::PluginContext,
};

/// A sentence that says what was found.
///
/// # Errors
/// One that says how to mend it.
pub(crate) async fn health(
    connections: &Connections,
    context: Option<&PluginContext>,
) -> Result<String, Problem> {
    let settings = Settings::of(context)?;
    let server = connections.to(&settings).await?;
    let request = v1::ListModelsRequest { page_size: 1_000, page_token: String::new() };
    let page = server.models().list_models(request).await?.into_inner();
    let more = if page.next_page_token.is_empty() { "" } else { " and more" };
    Ok(match page.models.len() {
        0 => "The server answers and has no model yet; make one with `driftline models create`"
            .to_owned(),
        1 => "The server answers and has 1 model".to_owned(),
        count => format!("The server answers and has {count} models{more}"),
    })
}
