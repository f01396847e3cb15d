"""Machine codes of error bodies and mid-stream events → what they mean, as the providers document them."""

from typing import Final

from .vocabulary import OutcomeClass

_C = OutcomeClass

_COMPAT_CODES: Final[dict[OutcomeClass, str]] = {
    # Cerebras, DashScope, Mistral; MiniMax 1002, 1039, 1041 and 2045; Z.AI 1302, 1303 and 1305.
    _C.RATE_LIMIT: "too_many_requests_error request_quota_exceeded token_quota_exceeded limit_requests limit_burst_rate"
    " throttling throttling.ratequota throttling.burstrate throttling.allocationquota rate_limited"
    " rpm_rate_limit_exceeded tpm_rate_limit_exceeded base_resp.1002 base_resp.1039 base_resp.1041 base_resp.2045"
    " 1302 1303 1305",
    # Volcengine; MiniMax 2056; Z.AI 1304, 1308 and 1310.
    _C.QUOTA: "quotaexceeded setlimitexceeded base_resp.2056 1304 1308 1310",
    # DashScope, Volcengine; MiniMax, and 1008 of it; Z.AI 1113.
    _C.BILLING: "arrearage accountoverdueerror insufficient_balance_error base_resp.1008 1113",
    # DashScope, Moonshot, Qianfan; MiniMax, and 1004 and 2049 of it; Z.AI 1000 to 1004.
    _C.AUTH: "invalidapikey invalid_authentication_error invalid_iam_token authorized_error base_resp.1004"
    " base_resp.2049 1000 1001 1002 1003 1004",
    # DashScope, Moonshot; Z.AI 1220.
    _C.PERMISSION: "accessdenied accessdenied.unpurchased access_denied permission_denied_error 1220",
    # DashScope, Moonshot; Z.AI 1211, 1221 and 1222.
    _C.NOT_FOUND: "modelnotfound resource_not_found_error 1211 1221 1222",
    # DashScope, llama.cpp, Mistral, TGI; MiniMax 1042 and 2013; Z.AI 1210 and 1213 to 1215.
    _C.BAD_REQUEST: "invalidparameter invalid_parameter_error not_supported_error invalid_model validation"
    " base_resp.1042 base_resp.2013 1210 1213 1214 1215",
    # llama.cpp.
    _C.CONTEXT_OVERFLOW: "exceed_context_size_error",
    # DashScope, OpenRouter's moderation, Volcengine; MiniMax 1026 and 1027; Z.AI 1301.
    _C.CONTENT_FILTER: "datainspectionfailed flagged_input inputtextsensitivecontentdetected"
    " outputtextsensitivecontentdetected base_resp.1026 base_resp.1027 1301",
    # DashScope; MiniMax 1001.
    _C.TIMEOUT: "requesttimeout base_resp.1001",
    # llama.cpp, TGI, Volcengine.
    _C.OVERLOADED: "unavailable_error overloaded serveroverloaded",
    # DashScope, TGI, Z.AI's finish; MiniMax 1024 and 1033; Z.AI 1234.
    _C.SERVER_ERROR: "internalerror internalerror.algo generation incomplete_generation network_error"
    " base_resp.1024 base_resp.1033 1234",
}

_CODES: Final[dict[OutcomeClass, str]] = {
    _C.RATE_LIMIT: "rate_limit_error rate_limit_exceeded rate_limit_reached_error requests tokens too_many_requests"
    " resource_exhausted throttlingexception throttledexception toomanyrequestsexception",
    _C.QUOTA: "insufficient_quota quota_exceeded exceeded_current_quota_error servicequotaexceededexception"
    " usage_limit_reached",
    _C.BILLING: "billing_error billing_hard_limit_reached billing_not_active insufficient_balance"
    " contract_spend_limit_reached enforced_spend_limit_reached billing_disabled",
    _C.AUTH: "authentication_error invalid_api_key unauthenticated unrecognizedclientexception"
    " expiredtokenexception invalidsignatureexception missingauthenticationtokenexception api_key_invalid",
    _C.PERMISSION: "permission_error permission_denied accessdeniedexception",
    _C.NOT_FOUND: "not_found_error model_not_found not_found resourcenotfoundexception",
    _C.BAD_REQUEST: "invalid_request_error invalid_argument failed_precondition invalid_prompt request_too_large"
    " conflict_error validationexception conflictexception",
    _C.CONTEXT_OVERFLOW: "context_length_exceeded model_context_window_exceeded string_above_max_length",
    _C.CONTENT_FILTER: "content_filter content_policy_violation image_content_policy_violation bio_policy"
    " safety blocklist prohibited_content image_safety model_armor jailbreak"
    " misalignment_policy_violation responsibleaipolicyviolation data_inspection_failed error_toxic",
    _C.TIMEOUT: "timeout timeout_error request_timeout deadline_exceeded vector_store_timeout modeltimeoutexception"
    " gateway_timeout",
    _C.OVERLOADED: "overloaded_error engine_overloaded engine_overloaded_error server_is_overloaded slow_down"
    " unavailable service_unavailable serviceunavailableexception modelnotreadyexception insufficient_system_resource",
    _C.SERVER_ERROR: "api_error server_error internal_server_error internal internalserverexception"
    " internalfailure modelerrorexception modelstreamerrorexception",
    _C.MALFORMED_RESPONSE: "malformed_function_call malformed_response malformed_model_output malformed_tool_use",
    _C.CANCELLED: "cancelled user_cancel",
}

BY_CODE: Final = {
    code: cls for table in (_COMPAT_CODES, _CODES) for cls, codes in table.items() for code in codes.split()
}
"""The class of each code, in lower case."""


def amazon_code(told: str) -> str:
    """The code in what AWS names an error by, such as ``com.amazon.coral.service#ThrottlingException:http://…``."""
    return told.partition(":")[0].rpartition("#")[2]


def is_code(word: str) -> bool:
    """Whether *word* is a machine code that we can classify."""
    return word.lower() in BY_CODE
