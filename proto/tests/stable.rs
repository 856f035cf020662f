//! Guards the protocol: clients of other releases rely on its names, numbers and types.
//!
//! The compiled descriptors, one line per thing that a client can rely on, must be the lines of
//! `driftline.v1.txt`. A line that vanishes breaks clients; a new line is an addition to commit.

use std::{collections::BTreeSet, env, fs, path::Path};

use driftline_proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

const PACKAGE: &str = "driftline.v1";
const UPDATE: &str = "DRIFTLINE_UPDATE";

/// A type as its file would write it.
fn local(type_name: &str) -> &str {
    let name = type_name.trim_start_matches('.');
    name.strip_prefix(PACKAGE).map_or(name, |rest| rest.trim_start_matches('.'))
}

fn field_type(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Message | Type::Enum | Type::Group => local(field.type_name()).to_owned(),
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    }
}

fn describe_field(field: &FieldDescriptorProto, message: &DescriptorProto) -> String {
    let label = match field.label() {
        Label::Repeated => "repeated ",
        Label::Required => "required ",
        Label::Optional if field.proto3_optional() => "optional ",
        Label::Optional => "",
    };
    let index = field.oneof_index.filter(|_| !field.proto3_optional());
    let oneof = index
        .and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?))
        .map(|oneof| format!(" in oneof {}", oneof.name()))
        .unwrap_or_default();
    // Unpacked numbers are other bytes under the same number; packed is the default of proto3.
    let unpacked = field.options.as_ref().is_some_and(|options| options.packed == Some(false));
    let unpacked = if unpacked { " unpacked" } else { "" };
    let (number, name, kind) = (field.number(), field.name(), field_type(field));
    format!("{number:>2} {label}{kind} {name}{oneof}{unpacked}")
}

fn describe_message(message: &DescriptorProto, scope: &str, lines: &mut Vec<String>) {
    let name = format!("{scope}{}", message.name());
    let map = message.options.as_ref().is_some_and(|options| options.map_entry());
    lines.push(format!("message {name}{}", if map { " (entry of a map)" } else { "" }));
    let mut fields: Vec<_> = message.field.iter().collect();
    fields.sort_by_key(|field| field.number());
    lines.extend(fields.iter().map(|f| format!("message {name} {}", describe_field(f, message))));
    for range in &message.reserved_range {
        let last = range.end() - 1;
        lines.push(format!("message {name} reserved {} to {last}", range.start()));
    }
    lines.extend(message.reserved_name.iter().map(|r| format!("message {name} reserved {r}")));
    let scope = format!("{name}.");
    message.enum_type.iter().for_each(|inner| describe_enum(inner, &scope, lines));
    message.nested_type.iter().for_each(|inner| describe_message(inner, &scope, lines));
}

fn describe_enum(described: &EnumDescriptorProto, scope: &str, lines: &mut Vec<String>) {
    let name = format!("{scope}{}", described.name());
    let values = described.value.iter();
    lines.extend(values.map(|v| format!("enum {name} {:>2} {}", v.number(), v.name())));
    for range in &described.reserved_range {
        lines.push(format!("enum {name} reserved {} to {}", range.start(), range.end()));
    }
    lines.extend(described.reserved_name.iter().map(|r| format!("enum {name} reserved {r}")));
}

fn describe_service(service: &ServiceDescriptorProto, lines: &mut Vec<String>) {
    let stream = |streams: bool| if streams { "stream " } else { "" };
    for method in &service.method {
        let (service, method_name) = (service.name(), method.name());
        let request = local(method.input_type());
        let response = local(method.output_type());
        let (sends, answers) =
            (stream(method.client_streaming()), stream(method.server_streaming()));
        lines.push(format!(
            "rpc {service}.{method_name}({sends}{request}) returns ({answers}{response})"
        ));
    }
}

/// The protocol, one line per thing, in an order that does not depend on files.
fn describe() -> Vec<String> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("descriptors decode");
    let files = || set.file.iter().filter(|file| file.package() == PACKAGE);
    let mut groups: Vec<Vec<String>> = Vec::new();
    let mut group = |describe: &dyn Fn(&mut Vec<String>)| {
        let mut lines = Vec::new();
        describe(&mut lines);
        groups.push(lines);
    };
    for file in files() {
        file.enum_type.iter().for_each(|e| group(&|lines| describe_enum(e, "", lines)));
        file.message_type.iter().for_each(|m| group(&|lines| describe_message(m, "", lines)));
        file.service.iter().for_each(|s| group(&|lines| describe_service(s, lines)));
    }
    groups.sort();
    groups.concat()
}

fn missing<'a>(from: &'a [String], other: &[String]) -> Vec<&'a str> {
    let other: BTreeSet<&String> = other.iter().collect();
    from.iter().filter(|line| !other.contains(line)).map(String::as_str).collect()
}

#[test]
fn numbers_types_and_names_stay_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/driftline.v1.txt");
    let now = describe();
    assert!(now.len() > 100, "the descriptors hold the package {PACKAGE}");
    if env::var_os(UPDATE).is_some() {
        fs::write(&path, now.join("\n") + "\n").expect("the committed lines are written");
        return;
    }
    let committed = fs::read_to_string(&path).expect("the committed lines are read");
    let committed: Vec<String> = committed.lines().map(str::to_owned).collect();
    let (gone, new) = (missing(&committed, &now), missing(&now, &committed));
    assert!(
        now == committed,
        "the protocol is not what proto/tests/driftline.v1.txt says\n\
         gone: {gone:#?}\nnew: {new:#?}\n\
         Numbers and types never change within v1, and nothing that a client can use goes away: \
         a line that is gone breaks clients, so add a field or a method beside it. If all of \
         this is meant, write the file anew and commit it: \
         {UPDATE}=1 cargo test -p driftline-proto --test stable"
    );
}
