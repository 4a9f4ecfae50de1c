"""What citizens say in so many words, so that nothing needs to be guessed (pure)."""

from __future__ import annotations

import re

ASKS_HUMAN = re.compile(
    r"(转人工|人工(客服|服务|坐席|台|咨询)?$|^人工|(找|要|换|接|叫|转)(个|一个|一下|到)?(真人|活人|人工|客服|工作人员|专员)|真人(客服|服务)"
    r"|不(想|要|跟)(和|跟)?机器)(?!授精|受精|受孕|流产|终止|关节|髋|膝|耳蜗|晶|瓣|心脏|血管|肝|肾|牙|喂养|智能|费|成本)"
)
CRISIS = re.compile(
    r"不想活|活不下去|活够了|想死|死了算了|不如死|寻短见|轻生|结束(自己|我)的?(生命|一生)|自我了断|(我|俺).{0,6}(自杀|跳楼|割腕|喝农药|上吊)"
    r"|(死|跳)给你们?看"
)
ABOUT_OTHERS = re.compile(
    r"算不算|算工伤|工伤|抚恤|丧葬|遗属|赔偿?|待遇|(他|她|老公|丈夫|妻子|父亲|母亲|爸|妈|同事|职工|员工).{0,8}(自杀|跳楼)"
)
OWN_DESPAIR = re.compile(r"不想活|活不下去|想死")
ASKS_CODE = re.compile(r"继续码|换(个|台|到)?(手机|电脑|设备|微信|电话).{0,4}(继续|接着)")
INSULT = re.compile(r"废物|傻[逼子瓜]|白痴|蠢货|笨蛋|混蛋|滚蛋|去死")
SAID = {  # whole sentences that need no guess
    "greet": re.compile(r"(你好|您好|在吗|在不在|有人吗|喂)[呀啊吗？?！!。~]*"),
    "thanks": re.compile(r"(好的?|嗯|行)?[，, ]?(太)?(谢谢|多谢|感谢|谢了|谢啦)(你|您|啦|了)?[！!。~]*"),
    "asks_if_machine": re.compile(
        r"(请问)?(你|您)?(到底|究竟)?(是|是不是)(个)?(真人|活人|机器人?|人工智能|ai|智能客服)(啊|吗|吧|呢|还是.{1,6})?[？?]*",
        re.IGNORECASE,
    ),
    "ask_basis": re.compile(
        r"(你?这个?|这样说|有没有|有什么)?(说法)?的?(法律|政策|文件)?(依据|根据)(是什么|是啥|是哪一?条|在哪|呢|吗)?[？?]*"
        r"|(这是)?(哪条|哪部|哪个)(法律|法规|文件|规定)(规定的|说的)?[？?]*"
    ),
    "prompt_injection": re.compile(
        r".*(系统提示词|提示词原样|(忽略|忘掉|无视)(以上|之前|前面|先前)的?.{0,8}(指令|规则|要求|设定|内容)).*",
        re.DOTALL,
    ),
    "goodbye": re.compile(r"(好的?|嗯|行)?[，, ]?(谢谢[，, ]?)?(再见|拜拜|先这样了?)[！!。~]*"),
}
LED = re.compile(r"一步一?步|(带|领|引导|教)(着)?我(去)?(办|走|做)|走(一遍|流程)|开始办理?|我要办理?|帮我办")
UPSET = re.compile(r"气死|投诉你|什么玩意|太差劲|垃圾|骗人|忽悠|[!！]{3,}")


def is_said(intent: str, text: str) -> bool:
    """Whether the whole text says just this."""
    whole = SAID.get(intent)
    return whole is not None and whole.fullmatch(text.strip()) is not None
