# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "seoul";
    pushTokenFile = "/etc/clavitor/environment";
    region = "ap-northeast-2";
    subdomain = "seoul";
    tunnelAddress = "10.84.0.29";
  };
}
