"""Bringing a firm onto Provision, start to finish: start reading here."""

from prefect import flow

from tasks.agreement.lifecycle import conclude_agreement
from tasks.contracts.orders import begin_contract
from tasks.engine.passes import begin_pass, end_pass
from tasks.intake.artifacts import show_case
from tasks.intake.run_names import of_pass
from tasks.logos.publish import publish_logo
from tasks.onboarding.company_ids import settle_details
from tasks.onboarding.invitations import invite_caseworkers, invite_clients
from tasks.onboarding.registration import ask_organiser
from tasks.onboarding.subscriptions import confirm_subscription


@flow(name="onboard", flow_run_name=of_pass, retries=0)
async def onboard(case_id: int) -> None:
    """Take the case as far as it can get today.

    Runs again from the top whenever something happened: a form was sent, an account made, a signature given, a
    question answered. Steps already taken return at once; a step whose turn has not come does nothing.
    """
    lease = begin_pass(case_id)

    logo = publish_logo.submit(case_id)  # Looking at a website takes time; nobody needs to wait for it.
    confirm_subscription(case_id)
    settle_details(case_id)
    ask_organiser(case_id)
    conclude_agreement(case_id)
    begin_contract(case_id)
    invite_caseworkers(case_id)
    invite_clients(case_id)
    logo.result()

    end_pass(case_id, lease)
    await show_case(case_id)
