//! Organisations and their teams.

use deedbook::Event;

use crate::things::{Organization, Project, Team, User};

#[derive(Event)]
#[event(
    action = "organization.created",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} created the organisation {organization}"
)]
pub(crate) struct Created<'a> {
    #[event(target)]
    pub(crate) organization: &'a Organization,
}

#[derive(Event)]
#[event(
    action = "organization.member.added",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} added {member} to {organization}"
)]
pub(crate) struct MemberAdded<'a> {
    #[event(target)]
    pub(crate) organization: &'a Organization,
    #[event(target(role = "member"))]
    pub(crate) member: &'a User,
}

#[derive(Event)]
#[event(
    action = "organization.member.removed",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} removed {member} from {organization}"
)]
pub(crate) struct MemberRemoved<'a> {
    #[event(target)]
    pub(crate) organization: &'a Organization,
    #[event(target(role = "member"))]
    pub(crate) member: &'a User,
}

#[derive(Event)]
#[event(
    action = "organization.team.created",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} created the team {team} of {organization}"
)]
pub(crate) struct TeamCreated<'a> {
    #[event(target)]
    pub(crate) organization: &'a Organization,
    #[event(target(role = "team"))]
    pub(crate) team: &'a Team,
}

#[derive(Event)]
#[event(
    action = "organization.team_member.added",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} added {member} to the team {team}"
)]
pub(crate) struct TeamMemberAdded<'a> {
    #[event(target)]
    pub(crate) organization: &'a Organization,
    #[event(target(role = "team"))]
    pub(crate) team: &'a Team,
    #[event(target(role = "member"))]
    pub(crate) member: &'a User,
}

#[derive(Event)]
#[event(
    action = "organization.team_member.removed",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} removed {member} from the team {team}"
)]
pub(crate) struct TeamMemberRemoved<'a> {
    #[event(target)]
    pub(crate) organization: &'a Organization,
    #[event(target(role = "team"))]
    pub(crate) team: &'a Team,
    #[event(target(role = "member"))]
    pub(crate) member: &'a User,
}

#[derive(Event)]
#[event(
    action = "organization.team_role.granted",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} made the team {team} {role} of {project}"
)]
pub(crate) struct TeamRoleGranted<'a> {
    #[event(target)]
    pub(crate) organization: &'a Organization,
    #[event(target(role = "team"))]
    pub(crate) team: &'a Team,
    #[event(target(role = "project"))]
    pub(crate) project: &'a Project,
    pub(crate) role: &'a str,
}

#[derive(Event)]
#[event(
    action = "organization.team.deleted",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} deleted the team {team} of {organization}"
)]
pub(crate) struct TeamDeleted<'a> {
    #[event(target)]
    pub(crate) organization: &'a Organization,
    #[event(target(role = "team"))]
    pub(crate) team: &'a Team,
}
