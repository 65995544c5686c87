//! AWS CloudTrail records → events. What has a place in an event goes there, the rest stays in `metadata` under the
//! names it had. Records come one a line, or in documents `{"Records":[…]}` as AWS delivers them.
//!
//! Source of the record's shape: AWS, "CloudTrail record contents" and "CloudTrail userIdentity element".

use std::net::IpAddr;
use std::path::Path;

use deedbook_core::{Actor, Auth, Context, Credential, Event, Failure, Outcome as Ended, Source, Target, Timestamp};
use serde_json::{Map, Value};

use super::pieces::{Piece, Records};
use super::{ID_BYTES_MAX, Item, Items, NAME_BYTES_MAX, bounded_id, cut, foreign, input};
use crate::exit::Outcome;
use crate::progress::Progress;

/// Limits of API.md on what a caller may write into an event.
const ACTION_CHARACTERS_MAX: usize = 128;
const KIND_CHARACTERS_MAX: usize = 64;
const WORD_BYTES_MAX: usize = 256;
const TARGETS_MAX: usize = 32;
const USER_AGENT_BYTES_MAX: usize = 1024;

/// Parameters of a request that name a thing, and what kind of thing it is; tried in this order.
const IDENTIFIERS: [(&str, &str); 40] = [
    ("bucketName", "s3_bucket"),
    ("secretId", "secretsmanager_secret"),
    ("keyId", "kms_key"),
    ("roleName", "iam_role"),
    ("roleArn", "iam_role"),
    ("userName", "iam_user"),
    ("groupName", "iam_group"),
    ("policyArn", "iam_policy"),
    ("policyName", "iam_policy"),
    ("instanceProfileName", "iam_instance_profile"),
    ("accessKeyId", "iam_access_key"),
    ("instanceId", "ec2_instance"),
    ("natGatewayId", "ec2_nat_gateway"),
    ("routeTableId", "ec2_route_table"),
    ("subnetId", "ec2_subnet"),
    ("internetGatewayId", "ec2_internet_gateway"),
    ("networkInterfaceId", "ec2_network_interface"),
    ("networkAclId", "ec2_network_acl"),
    ("groupId", "ec2_security_group"),
    ("volumeId", "ec2_volume"),
    ("snapshotId", "ec2_snapshot"),
    ("imageId", "ec2_image"),
    ("allocationId", "ec2_address"),
    ("vpcId", "ec2_vpc"),
    ("functionName", "lambda_function"),
    ("trailName", "cloudtrail_trail"),
    ("logGroupName", "logs_log_group"),
    ("tableName", "dynamodb_table"),
    ("queueUrl", "sqs_queue"),
    ("topicArn", "sns_topic"),
    ("streamName", "kinesis_stream"),
    ("clusterName", "cluster"),
    ("dBInstanceIdentifier", "rds_instance"),
    ("dBClusterIdentifier", "rds_cluster"),
    ("repositoryName", "ecr_repository"),
    ("hostedZoneId", "route53_hosted_zone"),
    ("stackName", "cloudformation_stack"),
    ("documentName", "ssm_document"),
    ("commandId", "ssm_command"),
    ("resourceArn", "resource"),
];

/// The records of a file.
pub(crate) fn open(path: &Path, progress: &Progress) -> Outcome<Items> {
    let reader = input::open(path, progress)?;
    let path = path.to_owned();
    let items = Records::new(reader).map(move |piece| match piece {
        Ok(piece) => Ok(item(piece)),
        Err(error) => Err(input::unreadable(&path, error)),
    });
    Ok(Box::new(items))
}

fn item(piece: Piece) -> Item {
    let event = match piece.fault {
        Some(fault) => Err(fault),
        None => foreign::read(&piece.raw).and_then(Record::of).and_then(Record::into_event),
    };
    Item { place: piece.place, raw: piece.raw, event }
}

/// A record from which members are taken as they find their place; what is left is metadata.
struct Record {
    members: Map<String, Value>,
    identity: Map<String, Value>,
}

impl Record {
    fn of(value: Value) -> Result<Self, String> {
        let Value::Object(mut members) = value else {
            return Err("a CloudTrail record is a JSON object".to_owned());
        };
        // `null` says no more than absence, and most records have some.
        members.retain(|_, value| !value.is_null());
        let identity = match members.remove("userIdentity") {
            None => Map::new(),
            Some(Value::Object(identity)) => identity,
            Some(_) => return Err("`userIdentity` is not an object".to_owned()),
        };
        Ok(Self { members, identity })
    }

    fn into_event(mut self) -> Result<Event, String> {
        let event_id = self.required("eventID")?;
        let (service, name) = (self.required("eventSource")?, self.required("eventName")?);
        let occurred_at = self.occurred_at()?;
        let mut event = Event::new(action(&service, &name), self.actor());
        event.id = Some(event_id);
        event.occurred_at = Some(occurred_at);
        event.outcome = Some(self.outcome());
        event.error = self.error();
        event.targets = self.targets(&service);
        event.context = self.context();
        let service = take_text(&mut self.members, "eventSource", WORD_BYTES_MAX);
        event.source = Some(Source { service, ..Source::default() });
        for taken in ["eventID", "eventTime"] {
            self.members.remove(taken);
        }
        if !self.identity.is_empty() {
            self.members.insert("userIdentity".to_owned(), self.identity.into());
        }
        event.metadata = self.members;
        Ok(event)
    }

    fn required(&self, name: &str) -> Result<String, String> {
        match text(&self.members, name) {
            Some(value) => Ok(value.to_owned()),
            None => Err(format!("`{name}` is missing or no text; a CloudTrail record has it")),
        }
    }

    fn occurred_at(&self) -> Result<Timestamp, String> {
        let time = self.required("eventTime")?;
        time.parse().map_err(|error| format!("`eventTime` is no time: {error}"))
    }

    fn outcome(&self) -> Ended {
        match text(&self.members, "errorCode") {
            None => Ended::Success,
            Some(code) if code.contains("AccessDenied") || code.contains("Unauthorized") => Ended::Denied,
            Some(_) => Ended::Failure,
        }
    }

    fn error(&mut self) -> Option<Failure> {
        let code = take_text(&mut self.members, "errorCode", WORD_BYTES_MAX);
        let error = Failure { code, message: take_text(&mut self.members, "errorMessage", usize::MAX) };
        (error != Failure::default()).then_some(error)
    }

    fn actor(&mut self) -> Actor {
        let kind = match text(&self.identity, "type") {
            Some("IAMUser" | "Root" | "FederatedUser" | "SAMLUser" | "WebIdentityUser" | "IdentityCenterUser") => {
                "user"
            }
            _ => "service",
        };
        let name = self.actor_name();
        let Some((member, id)) = self.actor_id() else { return Actor::without_id("anonymous") };
        self.identity.remove(member);
        let actor = Actor::new(kind, bounded_id(&id));
        match name {
            Some(name) => actor.named(name),
            None => actor,
        }
    }

    /// Which member of the identity names it best, and its value.
    fn actor_id(&self) -> Option<(&'static str, String)> {
        let members = ["arn", "invokedBy", "principalId", "accountId"];
        let found = members.into_iter().find_map(|member| Some((member, text(&self.identity, member)?)));
        // So does S3 call those who did not sign in.
        found.filter(|(_, id)| *id != "anonymous").map(|(member, id)| (member, id.to_owned()))
    }

    /// The name of the user, or of the session in which a role was assumed.
    fn actor_name(&mut self) -> Option<String> {
        if let Some(name) = text(&self.identity, "userName").map(|name| cut(name, NAME_BYTES_MAX)) {
            let (name, is_cut) = (name.0.to_owned(), name.1);
            if !is_cut {
                self.identity.remove("userName");
            }
            return Some(name);
        }
        if text(&self.identity, "type") == Some("Root") {
            return Some("root".to_owned());
        }
        let (_, session) = text(&self.identity, "principalId")?.split_once(':')?;
        Some(cut(session, NAME_BYTES_MAX).0.to_owned())
    }

    fn context(&mut self) -> Context {
        let address: Option<IpAddr> = text(&self.members, "sourceIPAddress").and_then(|address| address.parse().ok());
        if address.is_some() {
            // A name of a service in its place stays in metadata.
            self.members.remove("sourceIPAddress");
        }
        let credential = take_text(&mut self.identity, "accessKeyId", ID_BYTES_MAX);
        let credential = credential.map(|id| Credential { kind: "access_key".to_owned(), id, name: None });
        Context {
            ip: address,
            user_agent: take_text(&mut self.members, "userAgent", USER_AGENT_BYTES_MAX),
            request_id: take_text(&mut self.members, "requestID", WORD_BYTES_MAX),
            auth: credential.map(|credential| Auth { credential: Some(credential), ..Auth::default() }),
            ..Context::default()
        }
    }

    fn targets(&mut self, service: &str) -> Vec<Target> {
        let mut targets = self.resources();
        if targets.is_empty() {
            targets = self.identifiers(service);
        }
        targets.truncate(TARGETS_MAX);
        targets
    }

    /// The targets of `resources[]`, which leaves the metadata if every one of them found a place.
    fn resources(&mut self) -> Vec<Target> {
        let Some(Value::Array(resources)) = self.members.get("resources") else { return Vec::new() };
        let mut targets: Vec<Target> = resources.iter().filter_map(resource).collect();
        if targets.len() == resources.len() && targets.len() <= TARGETS_MAX {
            self.members.remove("resources");
        }
        remove_repeated(&mut targets);
        targets
    }

    fn identifiers(&self, service: &str) -> Vec<Target> {
        let Some(Value::Object(parameters)) = self.members.get("requestParameters") else { return Vec::new() };
        let mut targets: Vec<Target> = IDENTIFIERS
            .iter()
            .filter_map(|(parameter, kind)| Some(target(kind, text(parameters, parameter)?)))
            .collect();
        targets.extend(named_by_service(service, parameters));
        let listed = parameters.get("instancesSet").and_then(|set| set.get("items")).and_then(Value::as_array);
        let instances = listed.into_iter().flatten().filter_map(|item| item.get("instanceId")?.as_str());
        targets.extend(instances.map(|id| target("ec2_instance", id)));
        remove_repeated(&mut targets);
        targets
    }
}

/// A thing whose kind only the service tells, such as the `name` of a parameter or of a trail.
fn named_by_service(service: &str, parameters: &Map<String, Value>) -> Option<Target> {
    let (parameter, kind) = match short_service(service) {
        "ssm" if text(parameters, "resourceType") == Some("Parameter") => ("resourceId", "ssm_parameter"),
        "ssm" => ("name", "ssm_parameter"),
        "cloudtrail" => ("name", "cloudtrail_trail"),
        "secretsmanager" => ("name", "secretsmanager_secret"),
        _ => return None,
    };
    Some(target(kind, text(parameters, parameter)?))
}

fn resource(resource: &Value) -> Option<Target> {
    let resource = resource.as_object()?;
    let id = text(resource, "ARN").or_else(|| text(resource, "ARNPrefix"))?;
    let kind = match text(resource, "type") {
        Some(kind) => snake_case(kind.strip_prefix("AWS::").unwrap_or(kind)),
        None => kind_of_arn(id),
    };
    let mut target = target(&kind, id);
    target.metadata.extend(text(resource, "accountId").map(|id| ("accountId".to_owned(), id.into())));
    Some(target)
}

/// `arn:partition:service:region:account:type/id` or `…:type:id` → `service_type`.
fn kind_of_arn(arn: &str) -> String {
    let mut parts = arn.splitn(6, ':').skip(2);
    let service = parts.next().unwrap_or_default();
    let resource = parts.nth(2).unwrap_or_default();
    match resource.split_once([':', '/']) {
        Some((kind, _)) if !service.is_empty() && !kind.is_empty() => snake_case(&format!("{service}_{kind}")),
        _ if !service.is_empty() => snake_case(&format!("{service}_resource")),
        _ => "resource".to_owned(),
    }
}

fn target(kind: &str, id: &str) -> Target {
    let (kind, _) = cut(kind, KIND_CHARACTERS_MAX);
    let target = Target::new(kind, bounded_id(id));
    // The last part of an ARN is what people call the thing.
    match id.starts_with("arn:").then(|| id.rsplit([':', '/']).next()).flatten() {
        Some(name) if !name.is_empty() => target.named(cut(name, NAME_BYTES_MAX).0),
        _ => target,
    }
}

fn remove_repeated(targets: &mut Vec<Target>) {
    let mut kept: Vec<Target> = Vec::with_capacity(targets.len());
    for target in targets.drain(..) {
        if !kept.iter().any(|other| (&other.kind, &other.id) == (&target.kind, &target.id)) {
            kept.push(target);
        }
    }
    *targets = kept;
}

fn action(service: &str, name: &str) -> String {
    let service = match snake_case(short_service(service)) {
        service if service.is_empty() => "unknown".to_owned(),
        // What begins with `audit.` is the log's own.
        service if service == "audit" => "aws_audit".to_owned(),
        service => service,
    };
    let name = match snake_case(name) {
        name if name.is_empty() => "unknown".to_owned(),
        name => name,
    };
    cut(&format!("{service}.{name}"), ACTION_CHARACTERS_MAX).0.trim_end_matches('.').to_owned()
}

/// `kms` of `kms.amazonaws.com`.
fn short_service(service: &str) -> &str {
    service.split('.').next().unwrap_or(service)
}

/// `DescribeNatGateways` → `describe_nat_gateways`, `ListMFADevices` → `list_mfa_devices`; what is neither an ASCII
/// letter nor a digit separates.
fn snake_case(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 8);
    for (index, character) in characters.iter().enumerate() {
        let previous = index.checked_sub(1).map(|previous| characters[previous]);
        let next_is_lower = characters.get(index + 1).is_some_and(char::is_ascii_lowercase);
        let begins_word = character.is_ascii_uppercase()
            && previous.is_some_and(|previous| !previous.is_ascii_uppercase() || next_is_lower);
        if (begins_word || !character.is_ascii_alphanumeric()) && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        if character.is_ascii_alphanumeric() {
            out.push(character.to_ascii_lowercase());
        }
    }
    out.truncate(out.trim_end_matches('_').len());
    out
}

/// A member that is a text and not empty.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// The text of a member, cut to `bytes_max`; the member is removed only where nothing of it was lost.
fn take_text(members: &mut Map<String, Value>, name: &str, bytes_max: usize) -> Option<String> {
    let (value, is_cut) = cut(text(members, name)?, bytes_max);
    let value = value.to_owned();
    if !is_cut {
        members.remove(name);
    }
    Some(value)
}

#[cfg(test)]
mod tests;
