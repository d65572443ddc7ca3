"""What a node gets where HQ places tenants: their key, whose directories it takes, an environment with both."""

from noc.fleet.load import load
from noc.hosts.systemd import DIRECTORY_SIGNERS, shared_files
from noc.runs.paths import Paths
from noc.runs.rollout.configuration import stage_configuration
from noc.runs.site.configuration import node_bundle, node_config
from noc.runs.site.environment import TENANT_KEY_FILE, bring_environment
from noc.runs.site.pushtoken import environment, new_token
from noc.runs.site.site import Site
from runs_kit import FakeShell, World, make_site

NEW_VARIABLES = {"CLAVITOR_DIRECTORY=/var/lib/clavitor-directory", f"CLAVITOR_TENANT_KEY={TENANT_KEY_FILE}"}


def site_of(paths: Paths, world: World) -> Site:
    return make_site(paths, load(paths.fleet), world)


async def brought(site: Site, world: World) -> set[str]:
    """What the environment has beyond the one of a fleet that places nobody."""
    node, token = site.fleet.node("virginia"), new_token()
    machine = world.machines["virginia"]
    await bring_environment(site, node, FakeShell(world, machine, "10.84.0.11"), token)  # type: ignore[arg-type]
    plain = {f"{name}={value}" for name, value in environment(site.fleet, node, token).items()}
    return set(machine.environment.splitlines()) - plain


async def test_a_fleet_that_places_nobody_gives_its_nodes_nothing_new(paths: Paths, world: World) -> None:
    assert await brought(site_of(paths, world), world) == set()
    assert world.machines["virginia"].tenant_key == ""


async def test_a_table_that_hq_was_not_brought_to_gives_nodes_nothing_yet(placing: Paths, world: World) -> None:
    placing.directory_public_key.unlink()
    site = site_of(placing, world)
    assert await brought(site, world) == set()
    assert node_config(site, site.fleet.node("virginia")).directory_signers == ""


async def test_the_environment_names_directory_and_key(placing: Paths, world: World) -> None:
    assert await brought(site_of(placing, world), world) == NEW_VARIABLES


async def test_the_key_is_there_before_the_service_hears_of_it_and_is_for_its_group(
    placing: Paths, world: World
) -> None:
    await brought(site_of(placing, world), world)
    assert world.machines["virginia"].tenant_key.split()[1:] == ["640", TENANT_KEY_FILE]
    assert [what for _, what in world.log] == ["tenant-key", f"chgrp clavitor {TENANT_KEY_FILE}"]


async def test_a_key_that_is_there_is_not_sent_again(placing: Paths, world: World) -> None:
    site = site_of(placing, world)
    for _ in range(2):
        await brought(site, world)
    assert [what for _, what in world.log].count("tenant-key") == 1


def test_a_node_is_told_whose_directories_it_takes(placing: Paths, world: World) -> None:
    site = site_of(placing, world)
    text = shared_files(node_config(site, site.fleet.node("virginia")))[DIRECTORY_SIGNERS].text
    kind, key, *_ = placing.directory_public_key.read_text().split()
    assert text == f'directory namespaces="noc-directory" {kind} {key}\n'


async def test_a_configuration_brings_the_environment_along_with_the_token_of_the_node(
    placing: Paths, world: World
) -> None:
    site = site_of(placing, world)
    node, token = site.fleet.node("virginia"), new_token()
    machine = world.machines["virginia"]
    values = environment(site.fleet, node, token)
    machine.environment = "".join(f"{name}={value}\n" for name, value in values.items())
    link = site.link(node)
    await stage_configuration(site, node, link, node_bundle(site, node))
    await link.close()
    assert set(machine.environment.splitlines()) == {f"{n}={v}" for n, v in values.items()} | NEW_VARIABLES


async def test_a_fleet_that_places_nobody_any_more_takes_it_out_of_the_environment(
    placing: Paths, world: World
) -> None:
    assert await brought(site_of(placing, world), world) == NEW_VARIABLES
    file = placing.fleet / "fleet.toml"
    file.write_text(file.read_text().replace("[placement]", ""))
    site = site_of(placing, world)
    node = site.fleet.node("virginia")
    link = site.link(node)
    await stage_configuration(site, node, link, node_bundle(site, node))
    await link.close()
    assert not NEW_VARIABLES & set(world.machines["virginia"].environment.splitlines())


async def test_a_node_that_was_not_provisioned_yet_gets_no_environment_by_a_configuration(
    placing: Paths, world: World
) -> None:
    site = site_of(placing, world)
    node = site.fleet.node("virginia")
    link = site.link(node)
    await stage_configuration(site, node, link, node_bundle(site, node))
    await link.close()
    assert world.machines["virginia"].environment == ""


async def test_a_configuration_of_a_fleet_that_places_nobody_touches_no_environment(paths: Paths, world: World) -> None:
    site = site_of(paths, world)
    node = site.fleet.node("virginia")
    world.machines["virginia"].environment = 'KUMA_PUSH_URL="http://10.84.0.1:8084/api/push/token"\n'
    link = site.link(node)
    await stage_configuration(site, node, link, node_bundle(site, node))
    await link.close()
    assert [what for _, what in world.log] == ["dial tunnel", "stage-config"]
