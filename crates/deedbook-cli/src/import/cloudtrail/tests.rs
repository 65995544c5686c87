//! Tests of the CloudTrail importer on records made for them.

use deedbook_core::Outcome as Ended;
use serde_json::json;

use super::*;
use crate::import::Place;

fn event(record: Value) -> Event {
    let raw = record.to_string().into_bytes();
    item(Piece { place: Place::Line(1), raw, fault: None }).event.expect("a record")
}

fn record(extra: Value) -> Value {
    let mut record = json!({
        "eventID": "11111111-2222-3333-4444-555555555555", "eventSource": "kms.amazonaws.com", "eventName": "Decrypt",
        "eventTime": "2024-05-06T07:08:09Z", "awsRegion": "eu-west-1", "responseElements": null,
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::1:user/ada", "userName": "ada", "accountId": "1",
                          "accessKeyId": "AKIA1" },
        "sourceIPAddress": "192.0.2.7", "userAgent": "cli", "requestID": "r1",
    });
    record.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
    record
}

#[test]
fn every_member_finds_its_place() {
    let event = event(record(json!({ "readOnly": true })));
    assert_eq!(event.action, "kms.decrypt");
    assert_eq!(event.actor, Actor::new("user", "arn:aws:iam::1:user/ada").named("ada"));
    assert_eq!(event.outcome, Some(Ended::Success));
    assert_eq!(event.context.ip.map(|ip| ip.to_string()).as_deref(), Some("192.0.2.7"));
    assert_eq!(event.context.request_id.as_deref(), Some("r1"));
    let credential = event.context.auth.and_then(|auth| auth.credential).map(|credential| credential.id);
    assert_eq!(credential.as_deref(), Some("AKIA1"));
    assert_eq!(event.source.and_then(|source| source.service).as_deref(), Some("kms.amazonaws.com"));
    let rest = json!({
        "awsRegion": "eu-west-1", "eventName": "Decrypt", "readOnly": true,
        "userIdentity": { "type": "IAMUser", "accountId": "1" },
    });
    assert_eq!(Value::from(event.metadata), rest);
}

#[test]
fn actors() {
    for (identity, expected) in [
        (
            json!({ "type": "Root", "arn": "arn:aws:iam::1:root" }),
            Actor::new("user", "arn:aws:iam::1:root").named("root"),
        ),
        (
            json!({ "type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/r/s", "principalId": "AROA:s" }),
            Actor::new("service", "arn:aws:sts::1:assumed-role/r/s").named("s"),
        ),
        (json!({ "type": "AWSService", "invokedBy": "ec2.amazonaws.com" }), Actor::new("service", "ec2.amazonaws.com")),
        (json!({ "accountId": "1", "invokedBy": "ec2.amazonaws.com" }), Actor::new("service", "ec2.amazonaws.com")),
        (json!({ "type": "AWSAccount", "accountId": "anonymous" }), Actor::without_id("anonymous")),
        (json!({}), Actor::without_id("anonymous")),
    ] {
        assert_eq!(event(record(json!({ "userIdentity": identity }))).actor, expected);
    }
}

#[test]
fn outcomes() {
    for (code, expected) in [
        ("AccessDenied", Ended::Denied),
        ("AccessDeniedException", Ended::Denied),
        ("Client.UnauthorizedOperation", Ended::Denied),
        ("ThrottlingException", Ended::Failure),
    ] {
        let event = event(record(json!({ "errorCode": code, "errorMessage": "no" })));
        assert_eq!(event.outcome, Some(expected), "{code}");
        assert_eq!(event.error, Some(Failure { code: Some(code.to_owned()), message: Some("no".to_owned()) }));
    }
}

fn targets(extra: Value) -> Vec<String> {
    event(record(extra)).targets.iter().map(|target| format!("{}:{}", target.kind, target.id)).collect()
}

#[test]
fn targets_come_from_resources_else_from_the_request() {
    let resources = json!([
        { "ARN": "arn:aws:kms:eu:1:key/k", "type": "AWS::KMS::Key", "accountId": "1" },
        { "ARN": "arn:aws:secretsmanager:eu:1:secret:s-1" },
        { "ARN": "arn:aws:s3:::bucket" },
    ]);
    let found = targets(json!({ "resources": resources, "requestParameters": { "bucketName": "b" } }));
    assert_eq!(
        found,
        [
            "kms_key:arn:aws:kms:eu:1:key/k",
            "secretsmanager_secret:arn:aws:secretsmanager:eu:1:secret:s-1",
            "s3_resource:arn:aws:s3:::bucket",
        ]
    );
    let parameters =
        json!({ "roleName": "r", "policyArn": "arn:aws:iam::1:policy/p", "roleArn": 7, "maxResults": "5" });
    assert_eq!(
        targets(json!({ "requestParameters": parameters })),
        ["iam_role:r", "iam_policy:arn:aws:iam::1:policy/p"]
    );
    let parameters = json!({ "name": "/db/password" });
    let found = targets(json!({ "eventSource": "ssm.amazonaws.com", "requestParameters": parameters }));
    assert_eq!(found, ["ssm_parameter:/db/password"]);
    let parameters = json!({ "instancesSet": { "items": [{ "instanceId": "i-1" }, { "instanceId": "i-1" }, {}] } });
    assert_eq!(targets(json!({ "requestParameters": parameters })), ["ec2_instance:i-1"]);
    assert_eq!(targets(json!({})), Vec::<String>::new());
}

#[test]
fn an_address_that_is_none_stays_in_metadata() {
    let event = event(record(json!({ "sourceIPAddress": "AWS Internal" })));
    assert_eq!(event.context.ip, None);
    assert_eq!(event.metadata["sourceIPAddress"], "AWS Internal");
}

#[test]
fn what_does_not_fit_whole_is_cut_and_kept_whole_in_metadata() {
    let agent = "é".repeat(800);
    let event = event(record(json!({ "userAgent": agent })));
    assert_eq!(event.context.user_agent.map(|agent| agent.len()), Some(1024));
    assert_eq!(event.metadata["userAgent"], Value::from(agent));
}

#[test]
fn names_in_snake_case() {
    for (name, expected) in [
        ("DescribeNatGateways", "describe_nat_gateways"),
        ("ListMFADevices", "list_mfa_devices"),
        ("ListSSHPublicKeys", "list_ssh_public_keys"),
        ("GetRegionOptStatus", "get_region_opt_status"),
        ("UpdateFunctionCode20150331v2", "update_function_code20150331v2"),
        ("REST.GET.OBJECT", "rest_get_object"),
        ("resource-explorer-2", "resource_explorer_2"),
        ("KMS::Key", "kms_key"),
        ("__x__", "x"),
        ("é", ""),
    ] {
        assert_eq!(snake_case(name), expected);
    }
    assert_eq!(action("audit.amazonaws.com", "Do"), "aws_audit.do");
    assert_eq!(action("é", ""), "unknown.unknown");
    assert_eq!(action("kms.amazonaws.com", &"x".repeat(300)).len(), 128);
}

#[test]
fn bad_records_say_what_is_missing() {
    for (raw, expected) in [
        ("[]", "a CloudTrail record is a JSON object"),
        ("{\"eventID\":7}", "`eventID` is missing"),
        (
            "{\"eventID\":\"x\",\"eventSource\":\"s\",\"eventName\":\"n\",\"eventTime\":\"noon\"}",
            "`eventTime` is no time",
        ),
        ("{\"userIdentity\":[]}", "`userIdentity` is not an object"),
        ("{\"a\":1,\"a\":2}", "a"),
        ("{", "the text ends here"),
    ] {
        let raw = raw.as_bytes().to_vec();
        let error = item(Piece { place: Place::Line(1), raw, fault: None }).event.expect_err("no record");
        assert!(error.contains(expected), "{error}");
    }
}
