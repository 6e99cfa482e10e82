"""What a driver is told about an attempt to charge, and what to do next, in the driver's language. Pure, data.

Each state of an attempt, and each reason for which one ends, has a code that programs read and words that people read.
"""

from dataclasses import dataclass
from enum import StrEnum

from hub.starts.lifecycle import StartState

FALLBACK = "en"
PAYMENT = "PAYMENT:"
"""Begins the reason of an attempt that was not paid; what follows is a `payments.errors.DeclineReason` or a code."""


class NextStep(StrEnum):
    """What a driver can do now."""

    WAIT = "wait"
    CONFIRM_PAYMENT = "confirm_payment"
    USE_ANOTHER_CARD = "use_another_card"
    ADD_CARD = "add_card"
    TOP_UP = "top_up"
    PAY_DEBT = "pay_debt"
    START_IN_APP = "start_in_app"
    PLUG_IN = "plug_in"
    NONE = "none"
    TRY_ANOTHER_CHARGER = "try_another_charger"
    TRY_AGAIN = "try_again"
    FREE_THE_CONNECTOR = "free_the_connector"
    CONTACT_SUPPORT = "contact_support"


@dataclass(frozen=True, slots=True)
class Told:
    """What a driver is told. `code` never changes, `message` may."""

    code: str
    message: str
    next_step: NextStep


_STATES: dict[StartState, tuple[str, NextStep]] = {
    StartState.REQUESTED: ("requested", NextStep.WAIT),
    StartState.PAYING: ("payment", NextStep.CONFIRM_PAYMENT),
    StartState.AUTHORIZED: ("authorized", NextStep.WAIT),
    StartState.COMMANDED: ("plug_in", NextStep.PLUG_IN),
    StartState.CHARGING: ("charging", NextStep.NONE),
    StartState.ENDED: ("ended", NextStep.NONE),
    StartState.REFUSED: ("not_allowed", NextStep.CONTACT_SUPPORT),
    StartState.FAILED: ("failed", NextStep.TRY_ANOTHER_CHARGER),
    StartState.EXPIRED: ("not_plugged_in", NextStep.TRY_AGAIN),
}
_REASONS: dict[str, tuple[str, NextStep]] = {
    "REJECTED": ("charger_refused", NextStep.TRY_AGAIN),
    "NOT_SUPPORTED": ("charger_cannot", NextStep.TRY_ANOTHER_CHARGER),
    "TIMEOUT": ("charger_silent", NextStep.TRY_ANOTHER_CHARGER),
    "EVSE_INOPERATIVE": ("charger_out_of_order", NextStep.TRY_ANOTHER_CHARGER),
    "EVSE_OCCUPIED": ("connector_occupied", NextStep.FREE_THE_CONNECTOR),
    "UNKNOWN_LOCATION": ("charger_unknown", NextStep.TRY_ANOTHER_CHARGER),
    "BLOCKED": ("account_blocked", NextStep.CONTACT_SUPPORT),
    "EXPIRED": ("contract_expired", NextStep.CONTACT_SUPPORT),
    "NO_CREDIT": ("no_credit", NextStep.CONTACT_SUPPORT),
    "NOT_ALLOWED": ("not_allowed", NextStep.CONTACT_SUPPORT),
    f"{PAYMENT}insufficient_funds": ("card_without_funds", NextStep.USE_ANOTHER_CARD),
    f"{PAYMENT}limit_exceeded": ("card_without_funds", NextStep.USE_ANOTHER_CARD),
    f"{PAYMENT}card_expired": ("card_expired", NextStep.USE_ANOTHER_CARD),
    f"{PAYMENT}authentication_failed": ("payment_not_confirmed", NextStep.TRY_AGAIN),
    f"{PAYMENT}abandoned": ("payment_not_confirmed", NextStep.TRY_AGAIN),
    f"{PAYMENT}authentication_required": ("payment_needs_driver", NextStep.START_IN_APP),
    f"{PAYMENT}card_gone": ("no_card", NextStep.ADD_CARD),
    f"{PAYMENT}too_slow": ("payment_slow", NextStep.TRY_AGAIN),
    f"{PAYMENT}wallet_too_low": ("wallet_too_low", NextStep.TOP_UP),
    f"{PAYMENT}wallet_other_currency": ("wallet_other_currency", NextStep.START_IN_APP),
    f"{PAYMENT}debt_open": ("debt_open", NextStep.PAY_DEBT),
    f"{PAYMENT}price_unknown": ("price_unknown", NextStep.TRY_ANOTHER_CHARGER),
}
"""By the reason that an attempt was refused or failed with: OCPI's CommandResultType or AllowedType."""

_UNPAID = ("payment_declined", NextStep.USE_ANOTHER_CARD)

_WORDS: dict[str, dict[str, str]] = {
    "requested": {
        "en": "We are checking your request.",
        "de": "Wir prüfen die Anfrage.",
        "fr": "Nous vérifions la demande.",
        "nl": "We controleren je aanvraag.",
    },
    "payment": {
        "en": "The payment is being prepared. Confirm it, if your bank asks you to.",
        "de": "Die Zahlung wird vorbereitet. Bitte bestätigen, falls die Bank danach fragt.",
        "fr": "Le paiement est en préparation. Confirmez-le si votre banque le demande.",
        "nl": "De betaling wordt voorbereid. Bevestig die als je bank daarom vraagt.",
    },
    "payment_declined": {
        "en": "Your bank declined the card. Nothing was charged to you.",
        "de": "Die Bank hat die Karte abgelehnt. Es entstehen keine Kosten.",
        "fr": "Votre banque a refusé la carte. Rien ne vous est facturé.",
        "nl": "Je bank heeft de kaart geweigerd. Er zijn geen kosten.",
    },
    "card_without_funds": {
        "en": "There is not enough on the card. Nothing was charged to you.",
        "de": "Die Karte ist nicht ausreichend gedeckt. Es entstehen keine Kosten.",
        "fr": "Le solde de la carte est insuffisant. Rien ne vous est facturé.",
        "nl": "Er staat niet genoeg op de kaart. Er zijn geen kosten.",
    },
    "card_expired": {
        "en": "The card has expired. Nothing was charged to you.",
        "de": "Die Karte ist abgelaufen. Es entstehen keine Kosten.",
        "fr": "La carte a expiré. Rien ne vous est facturé.",
        "nl": "De kaart is verlopen. Er zijn geen kosten.",
    },
    "payment_not_confirmed": {
        "en": "The payment was not confirmed. Nothing was charged to you.",
        "de": "Die Zahlung wurde nicht bestätigt. Es entstehen keine Kosten.",
        "fr": "Le paiement n’a pas été confirmé. Rien ne vous est facturé.",
        "nl": "De betaling is niet bevestigd. Er zijn geen kosten.",
    },
    "wallet_too_low": {
        "en": "There is not enough in your wallet. Top it up, then try again.",
        "de": "Das Guthaben reicht nicht. Bitte aufladen und erneut versuchen.",
        "fr": "Votre porte-monnaie est insuffisant. Rechargez-le, puis réessayez.",
        "nl": "Er staat niet genoeg in je portemonnee. Waardeer op en probeer het opnieuw.",
    },
    "wallet_other_currency": {
        "en": "Your wallet is in another currency than this charger. Pay by card.",
        "de": "Das Guthaben hat eine andere Währung als diese Ladestation. Bitte mit Karte zahlen.",
        "fr": "Votre porte-monnaie est dans une autre devise que cette borne. Payez par carte.",
        "nl": "Je portemonnee heeft een andere valuta dan deze laadpaal. Betaal met een kaart.",
    },
    "debt_open": {
        "en": "An earlier session is not paid yet. Pay it in the app, then try again.",
        "de": "Ein früherer Ladevorgang ist noch nicht bezahlt. Bitte in der App bezahlen und erneut versuchen.",
        "fr": "Une session précédente n’est pas encore payée. Payez-la dans l’appli, puis réessayez.",
        "nl": "Een eerdere laadsessie is nog niet betaald. Betaal die in de app en probeer het opnieuw.",
    },
    "no_card": {
        "en": "There is no saved card to pay with. Add one in the app.",
        "de": "Es ist keine Karte hinterlegt. Bitte eine in der App hinzufügen.",
        "fr": "Aucune carte n’est enregistrée. Ajoutez-en une dans l’appli.",
        "nl": "Er is geen kaart opgeslagen. Voeg er een toe in de app.",
    },
    "payment_needs_driver": {
        "en": "Your bank wants you to confirm the payment. Start in the app this time.",
        "de": "Die Bank verlangt eine Bestätigung der Zahlung. Bitte diesmal in der App starten.",
        "fr": "Votre banque demande de confirmer le paiement. Démarrez cette fois dans l’appli.",
        "nl": "Je bank wil dat je de betaling bevestigt. Start deze keer in de app.",
    },
    "payment_slow": {
        "en": "The bank took too long to answer. Nothing was charged to you.",
        "de": "Die Bank hat zu lange nicht geantwortet. Es entstehen keine Kosten.",
        "fr": "La banque a mis trop de temps à répondre. Rien ne vous est facturé.",
        "nl": "De bank antwoordde te laat. Er zijn geen kosten.",
    },
    "price_unknown": {
        "en": "Nobody can say what charging costs here. Please use another charger.",
        "de": "Der Preis an dieser Ladestation ist nicht bekannt. Bitte eine andere nutzen.",
        "fr": "Le prix de cette borne n’est pas connu. Utilisez-en une autre.",
        "nl": "De prijs van deze laadpaal is niet bekend. Gebruik een andere.",
    },
    "authorized": {
        "en": "The charger is being told to start.",
        "de": "Die Ladestation bekommt den Startbefehl.",
        "fr": "La borne reçoit l’ordre de démarrer.",
        "nl": "De laadpaal krijgt de opdracht om te starten.",
    },
    "plug_in": {
        "en": "The charger is ready. Plug in, if you have not yet.",
        "de": "Die Ladestation ist bereit. Bitte einstecken, falls noch nicht geschehen.",
        "fr": "La borne est prête. Branchez le câble si ce n’est pas déjà fait.",
        "nl": "De laadpaal is klaar. Steek de stekker in als dat nog niet is gebeurd.",
    },
    "charging": {"en": "Charging.", "de": "Es wird geladen.", "fr": "Charge en cours.", "nl": "Aan het laden."},
    "ended": {
        "en": "Charging has ended.",
        "de": "Der Ladevorgang ist beendet.",
        "fr": "La charge est terminée.",
        "nl": "Het laden is beëindigd.",
    },
    "failed": {
        "en": "The charger could not start. Nothing was charged to you.",
        "de": "Die Ladestation konnte nicht starten. Es entstehen keine Kosten.",
        "fr": "La borne n’a pas pu démarrer. Rien ne vous est facturé.",
        "nl": "De laadpaal kon niet starten. Er zijn geen kosten.",
    },
    "not_plugged_in": {
        "en": "No car was plugged in in time. Nothing was charged to you.",
        "de": "Es wurde nicht rechtzeitig eingesteckt. Es entstehen keine Kosten.",
        "fr": "Aucun véhicule n’a été branché à temps. Rien ne vous est facturé.",
        "nl": "Er is niet op tijd ingestoken. Er zijn geen kosten.",
    },
    "charger_refused": {
        "en": "The charger refused. Check that the cable is plugged in, then try again.",
        "de": "Die Ladestation hat abgelehnt. Bitte das Kabel prüfen und erneut versuchen.",
        "fr": "La borne a refusé. Vérifiez le câble, puis réessayez.",
        "nl": "De laadpaal weigerde. Controleer de kabel en probeer het opnieuw.",
    },
    "charger_cannot": {
        "en": "This charger cannot be started from here. Please use another one.",
        "de": "Diese Ladestation lässt sich so nicht starten. Bitte eine andere nutzen.",
        "fr": "Cette borne ne peut pas être démarrée ainsi. Utilisez-en une autre.",
        "nl": "Deze laadpaal kan zo niet worden gestart. Gebruik een andere.",
    },
    "charger_silent": {
        "en": "The charger does not answer. Please use another one.",
        "de": "Die Ladestation antwortet nicht. Bitte eine andere nutzen.",
        "fr": "La borne ne répond pas. Utilisez-en une autre.",
        "nl": "De laadpaal antwoordt niet. Gebruik een andere.",
    },
    "charger_out_of_order": {
        "en": "This charger is out of order. Please use another one.",
        "de": "Diese Ladestation ist außer Betrieb. Bitte eine andere nutzen.",
        "fr": "Cette borne est hors service. Utilisez-en une autre.",
        "nl": "Deze laadpaal is buiten gebruik. Gebruik een andere.",
    },
    "connector_occupied": {
        "en": "This connector is in use.",
        "de": "Dieser Anschluss ist belegt.",
        "fr": "Cette prise est occupée.",
        "nl": "Deze aansluiting is bezet.",
    },
    "charger_unknown": {
        "en": "The operator does not know this charger any more. Please use another one.",
        "de": "Der Betreiber kennt diese Ladestation nicht mehr. Bitte eine andere nutzen.",
        "fr": "L’exploitant ne connaît plus cette borne. Utilisez-en une autre.",
        "nl": "De exploitant kent deze laadpaal niet meer. Gebruik een andere.",
    },
    "account_blocked": {
        "en": "Your account is blocked. Please contact us.",
        "de": "Das Konto ist gesperrt. Bitte Kontakt aufnehmen.",
        "fr": "Votre compte est bloqué. Contactez-nous.",
        "nl": "Je account is geblokkeerd. Neem contact met ons op.",
    },
    "contract_expired": {
        "en": "Your contract has ended. Please contact us.",
        "de": "Der Vertrag ist abgelaufen. Bitte Kontakt aufnehmen.",
        "fr": "Votre contrat a expiré. Contactez-nous.",
        "nl": "Je contract is verlopen. Neem contact met ons op.",
    },
    "no_credit": {
        "en": "There is not enough credit. Please contact us.",
        "de": "Das Guthaben reicht nicht. Bitte Kontakt aufnehmen.",
        "fr": "Le crédit est insuffisant. Contactez-nous.",
        "nl": "Er is niet genoeg tegoed. Neem contact met ons op.",
    },
    "not_allowed": {
        "en": "You may not charge here. Please contact us.",
        "de": "Laden ist hier nicht erlaubt. Bitte Kontakt aufnehmen.",
        "fr": "Vous ne pouvez pas charger ici. Contactez-nous.",
        "nl": "Je mag hier niet laden. Neem contact met ons op.",
    },
}


def told(state: StartState, reason: str | None, language: str) -> Told:
    """What a driver is told. An attempt that ended for a reason that nobody has words for has failed."""
    code, step = _STATES[state]
    if state in (StartState.REFUSED, StartState.FAILED, StartState.EXPIRED):
        unpaid = (reason or "").startswith(PAYMENT)
        code, step = _REASONS.get(reason or "", _UNPAID if unpaid else (code, step))
    words = _WORDS[code]
    return Told(code, words.get(language, words[FALLBACK]), step)
