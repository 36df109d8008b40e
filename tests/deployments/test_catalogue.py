"""What can be started is said three times, in code, in prefect.yaml and by the flows: always the same."""

import gc
import warnings
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from prefect.testing.cli import invoke_and_assert
from prefect.utilities.callables import parameter_schema

from deployments.catalogue import CATALOGUE, POOL, QUEUE, Deployment, differences, load_flow, register
from tests.deployments.toy import greet

HERE = Path(__file__).resolve().parents[2] / "deployments"
FLOWS = pytest.mark.parametrize("deployment", CATALOGUE, ids=[deployment.name for deployment in CATALOGUE])


def test_prefect_yaml_says_the_same_as_the_catalogue():
    def schedules(deployment: Deployment) -> list[dict[str, object]]:
        if deployment.every:
            when = {"interval": deployment.every / timedelta(seconds=1)}
        elif deployment.cron:
            when = {"cron": deployment.cron}
        else:
            return []
        return [when | {"timezone": "Europe/Berlin", "slug": deployment.name}]

    written = yaml.safe_load((HERE / "prefect.yaml").read_text())["deployments"]

    assert written == [
        {
            "name": one.name,
            "entrypoint": one.entrypoint,
            "description": one.description,
            "tags": list(one.tags),
            "work_pool": {"name": POOL} | ({} if one.queue == QUEUE else {"work_queue_name": one.queue}),
            **({"schedules": found} if (found := schedules(one)) else {}),
        }
        for one in CATALOGUE
    ]


def test_the_catalogue_can_be_registered_with_active_schedules_and_prefect_deploy_takes_it_over(prefect):
    def unlike():
        return differences(lambda method, path, body: prefect.request(method, path, json=body).json())

    register()
    found = prefect.post("/deployments/filter", json={}).json()
    schedules = {one["name"]: [schedule["active"] for schedule in one["schedules"]] for one in found}
    assert schedules == {one.name: [True] if one.schedule() else [] for one in CATALOGUE}
    assert unlike() == {}

    deploy = ["--no-prompt", "deploy", "--prefect-file", "deployments/prefect.yaml", "--all"]
    with warnings.catch_warnings(action="ignore"):  # Prefect leaves sockets to the garbage collector.
        invoke_and_assert(deploy, expected_code=0, temp_dir=str(HERE.parent))
        gc.collect()

    assert unlike() == {}


def test_prefect_in_compose_asks_for_a_password_and_answers_no_foreign_page():
    services = yaml.safe_load((HERE / "compose.yaml").read_text())["services"]
    told = services["prefect"]["environment"]

    assert services["prefect"]["command"].startswith("python -m deployments.server ")
    assert told["PREFECT_SERVER_API_AUTH_STRING"] == services["worker"]["environment"]["PREFECT_API_AUTH_STRING"]
    assert told["PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED"] == "true"
    assert "*" not in told["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"]
    assert told["PREFECT_API_URL"] == services["worker"]["environment"]["PREFECT_API_URL"]


def test_every_process_in_compose_comes_after_what_it_needs():
    services = yaml.safe_load((HERE / "compose.yaml").read_text())["services"]

    assert set(services["worker"]["depends_on"]) == {"prepare"}
    assert set(services["web"]["depends_on"]) == {"prepare", "redis"}
    assert set(services["prepare"]["depends_on"]) == {"prefect"}
    assert {name for service in services.values() for name in service.get("depends_on", ())} <= set(services)


def test_prefect_unpacks_its_interface_where_it_may_write():
    told = yaml.safe_load((HERE / "compose.yaml").read_text())["services"]["prefect"]

    assert told["environment"]["PREFECT_SERVER_UI_STATIC_DIRECTORY"].startswith("/data/")
    assert "data:/data" in told["volumes"]


@FLOWS
def test_a_deployment_is_called_as_its_flow(deployment):
    assert load_flow(deployment.entrypoint).name == deployment.name


@FLOWS
def test_no_flow_costs_a_second_at_its_end(deployment):
    assert load_flow(deployment.entrypoint).isasync  # A sync flow waits for its heartbeat thread.


@FLOWS
def test_every_field_of_a_form_has_a_type_that_the_ui_can_draw(deployment):
    schema = parameter_schema(load_flow(deployment.entrypoint)).model_dump()

    assert all("anyOf" not in field for field in schema["properties"].values())  # An awkward switch of types.


def test_labels_descriptions_and_order_of_a_signature_reach_the_form():
    assert parameter_schema(greet).properties["case_id"] == {
        "title": "Vorgang",
        "description": "Which one",
        "default": 0,
        "position": 0,
        "type": "integer",
    }


def test_what_is_not_a_flow_cannot_be_started():
    with pytest.raises(TypeError, match="is not a flow"):
        load_flow("deployments/catalogue.py:register")
